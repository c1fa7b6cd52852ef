"""A real Grafana for tests, as a process on a free port of this machine.

Its package is in a folder that PROVISION_GRAFANA_PACKAGES names: it is in no Debian suite.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.programs import Running, answers, free_port, running, wait_for

VARIABLE = "PROVISION_GRAFANA_PACKAGES"
ADMIN = "admin"
PASSWORD = "a-password-of-tests"


def unpacked(directory: Path) -> Path:
    """Where Grafana's files are, unpacked below a directory; skips where there is no package."""
    folder = os.environ.get(VARIABLE)
    packages = sorted(Path(folder).glob("grafana_*.deb")) if folder else []
    if not packages:
        pytest.skip(f"no Grafana: {VARIABLE} names no folder with its package")
    home = directory / "usr/share/grafana"
    if not home.is_dir():
        subprocess.run(["dpkg-deb", "-x", str(packages[-1]), str(directory)], check=True)
    return home


@dataclass
class GrafanaServer:
    """A running Grafana, its admin's login, and where its provisioning files are."""

    url: str
    provisioning: Path
    program: Running

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """Ask its API as a person's browser would, the admin's by default; HTTPError if refused."""
        pair = base64.b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}{path}",
            None if body is None else json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {token}" if token else f"Basic {pair}",
                "Content-Type": "application/json",
            },
            method=method,
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or "null")

    def token(self, role: str) -> str:
        """A token of a new service account with a role: Viewer, Editor or Admin."""
        name = f"{role}-{os.urandom(4).hex()}"
        account = self.ask("POST", "/api/serviceaccounts", {"name": name, "role": role})
        path = f"/api/serviceaccounts/{account['id']}/tokens"
        return str(self.ask("POST", path, {"name": name})["key"])

    def dashboard(self, uid: str) -> dict[str, Any]:
        """A dashboard as it is."""
        found: dict[str, Any] = self.ask("GET", f"/api/dashboards/uid/{uid}")
        return found

    def clear(self, keep: str = "") -> None:
        """Remove all dashboards, folders and datasources, but for a folder with what is in it."""
        rows = self.ask("GET", "/api/search?limit=5000")
        found = [row for row in rows if keep not in {row["title"], row.get("folderTitle")} - {""}]
        paths = {"dash-db": "dashboards/uid", "dash-folder": "folders"}
        gone = [f"{paths[row['type']]}/{row['uid']}" for row in found]
        gone += [f"datasources/uid/{row['uid']}" for row in self.ask("GET", "/api/datasources")]
        for path in gone:
            try:
                self.ask("DELETE", f"/api/{path}")
            except urllib.error.HTTPError as error:  # provisioned, or gone with its folder
                error.close()


@contextmanager
def grafana_process(
    home: Path, directory: Path, *, path: str = "", settings: str = ""
) -> Iterator[GrafanaServer]:
    """A fresh Grafana with a data directory of its own, under a path (such as `/grafana`).

    settings are more lines for its grafana.ini.
    """
    port = free_port()
    provisioning = directory / "provisioning"
    for name in ("datasources", "dashboards", "alerting", "plugins", "notifiers"):
        (provisioning / name).mkdir(parents=True, exist_ok=True)
    config = directory / "grafana.ini"
    url = f"http://127.0.0.1:{port}{path}"
    config.write_text(
        f"[paths]\ndata = {directory}/data\nlogs = {directory}/log\n"
        f"plugins = {directory}/plugins\nprovisioning = {provisioning}\n"
        f"[server]\nhttp_addr = 127.0.0.1\nhttp_port = {port}\nroot_url = {url}/\n"
        f"serve_from_sub_path = {'true' if path else 'false'}\n"
        f"[security]\nadmin_user = {ADMIN}\nadmin_password = {PASSWORD}\n"
        "disable_gravatar = true\n"
        "[database]\nwal = true\n"
        "[analytics]\nreporting_enabled = false\ncheck_for_updates = false\n"
        "check_for_plugin_updates = false\n"
        "[news]\nnews_feed_enabled = false\n[plugins]\npreinstall_disabled = true\n"
        "[log]\nmode = console\nlevel = warn\n" + settings
    )
    argv = [str(home / "bin/grafana"), "server", "--homepath", str(home), "--config", str(config)]
    with running(argv, directory / "grafana.log") as program:
        wait_for(lambda: answers(f"{url}/api/health"), f"Grafana at {url}", 120)
        yield GrafanaServer(url, provisioning, program)

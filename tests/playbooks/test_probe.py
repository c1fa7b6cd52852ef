"""The module that looks at a host's services and targets, as it is sent to a host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from comparing import hosted, telling

from tests.answering import Reply, Request, answering, silent_url

REFUSED = "cannot be fetched: connection refused"
#: What systemd says of one that has ended.
ENDED = """#!/bin/sh
case "$*" in
show*) printf 'LoadState=loaded\\nActiveState=inactive\\nSubState=dead\\nResult=success\\n';;
esac
"""


def said(path: str = "", **arguments: Any) -> dict[str, Any]:
    """What the module answers; programs are looked for in a path first."""
    argv = [sys.executable, *hosted.PYTHON.split()[1:]]
    done = subprocess.run(
        argv,
        input=hosted.program("probe", arguments, check=False),
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{path}:/usr/bin:/bin"},
    )
    found = hosted.answer(done.stdout)
    assert found is not None, done.stderr
    return found


def test_what_is_scraped_is_fetched_and_told() -> None:
    def answer(request: Request) -> Reply:
        return Reply("x 1\n", 200 if request.path == "/metrics" else 404)

    with answering(answer) as url:
        silent = silent_url()
        pages = [f"{url}/metrics", f"{url}/other", silent]
        found = said(scraped=pages, scrape_seconds=5)
    assert found == {
        "changed": False,
        "fetched": dict(zip(pages, ("", "answers with HTTP 404", REFUSED), strict=True)),
    }
    assert telling.of_result(found) == {"fetched": found["fetched"]}


def test_who_scrapes_nothing_is_told_nothing_of() -> None:
    assert said() == {"changed": False, "fetched": {}}


def test_it_is_told_too_where_a_service_does_not_work(tmp_path: Path) -> None:
    (tmp_path / "systemctl").write_text(ENDED)
    (tmp_path / "systemctl").chmod(0o755)
    url = silent_url()
    found = said(str(tmp_path), services=[{"name": "telegraf"}], timeout=0.5, scraped=[url])
    assert found["failed"] and "telegraf does not work" in found["problem"]
    assert found["fetched"] == {url: REFUSED}


def test_it_is_told_too_where_a_probe_cannot_be_sent() -> None:
    url = silent_url()
    port = int(url.rpartition(":")[2])
    probe = {"way": "tcp", "address": "127.0.0.1", "port": port, "text": "x:1|c"}
    found = said(probes=[probe], scraped=[url])
    assert found["failed"]
    assert found["problem"].startswith(f"A probe cannot be sent over tcp to 127.0.0.1:{port}: ")
    assert found["fetched"] == {url: REFUSED}


def test_fetching_delays_a_host_for_no_longer_than_it_may_take() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        start = time.monotonic()
        found = said(scraped=[url], scrape_seconds=1)
    assert 1 <= time.monotonic() - start < 4
    assert found["fetched"] == {url: "cannot be fetched: no whole answer within 1 s"}

"""What Telegraf's own plugins tell of a host: what is documented, and nothing else."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from provision.catalog.model import Input
from provision.estimate import loads
from provision.fleet.model import Fleet
from provision.render.telegraf import gathered
from provision.render.tree import write_tree

SITE = "monitor: {hosts: {m: }}\nworkers: {hosts: {w: {apps: [realm]}}}\n"
# One metric, and neither of Telegraf itself.
OWN = {
    "host": "metrics: [{name: mem.buffered, type: gauge, unit: bytes, title: B, description: B.}]",
    "pipeline": "metrics: [{name: internal_x.y, type: gauge, unit: count, title: Y, "
    "description: Y.}]",
}


def told(telegraf: Path, configuration: Path) -> dict[str, dict[str, set[str]]]:
    """By measurement and tags, the host left aside: the fields that are gathered."""
    done = subprocess.run(
        [telegraf, "--config", configuration, "--test", "--test-wait", "2"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for line in done.stdout.splitlines():
        # Line protocol: what stands in quotes may have blanks, and here nothing does.
        head, fields, _ = line.removeprefix("> ").rsplit(" ", 2)
        measurement, _, tags = head.partition(",")
        found[measurement][tags] |= {each.partition("=")[0] for each in fields.split(",")}
    return found


def configuration_of(fleet: Fleet, directory: Path) -> Path:
    write_tree(fleet.site, directory)
    path = directory / "w/etc/telegraf/telegraf.d/host.conf"
    path.write_text(re.sub(r"(?s)\n\[\[outputs.*", "", path.read_text()))
    return path


def test_of_each_plugin_what_is_documented_is_gathered(
    fleet_of: Callable[..., Fleet], telegraf_binary: Path, tmp_path: Path
) -> None:
    fleet = fleet_of(SITE)
    documented = gathered(fleet.site.workers[0].catalogs_of(Input.TELEGRAF))
    own = {field for name, of in documented.items() if name.startswith("internal_") for field in of}
    found = told(telegraf_binary, configuration_of(fleet, tmp_path / "tree"))
    assert {"cpu", "mem", "system", "nstat", "internal_agent"} <= found.keys() <= documented.keys()
    for measurement, series in found.items():
        fields, wanted = set().union(*series.values()), set(documented[measurement])
        # One plugin tells of several things, and a host without IPv6 counts no packets of it.
        most = own if measurement.startswith("internal_") else wanted
        assert wanted - {"Udp6RcvbufErrors"} <= fields <= most
    # Of what each host has one of, the estimate knows how many series there are.
    (load,) = [load for load in loads(fleet.site) if load.app == "host"]
    expected = {"cpu": 1, "mem": 1, "swap": 1, "system": 1, "disk": 5, "diskio": 5, "net": 4}
    assert load.series == sum(expected.values())
    assert {name: len(found[name]) for name in ("cpu", "mem", "system")} == dict.fromkeys(
        ("cpu", "mem", "system"), 1
    )


def test_a_site_that_documents_other_things_has_those(
    fleet_of: Callable[..., Fleet], telegraf_binary: Path, tmp_path: Path
) -> None:
    (tmp_path / "catalogs").mkdir()
    for app, metrics in OWN.items():
        (tmp_path / "catalogs" / f"{app}.yaml").write_text(
            f"app: {app}\ntitle: Own\ndescription: Own.\nsource: x\ninput: telegraf\n{metrics}\n"
        )
    found = told(telegraf_binary, configuration_of(fleet_of(SITE), tmp_path / "tree"))
    # By the second it is seen that Telegraf is at work.
    assert found.keys() == {"mem", "internal_agent"}
    assert set().union(*found["mem"].values()) == {"buffered"}


def test_a_site_may_have_all_that_its_own_dashboards_show(
    fleet_of: Callable[..., Fleet], telegraf_binary: Path, tmp_path: Path
) -> None:
    fleet = fleet_of(SITE.replace("apps: [realm]", "apps: [realm], telegraf_host_fields: all"))
    found = told(telegraf_binary, configuration_of(fleet, tmp_path / "tree"))
    for measurement, field in (("cpu", "usage_idle"), ("mem", "used"), ("net", "packets_sent")):
        assert field in set().union(*found[measurement].values())
    # Of these there are some hundred, which the kernel counts since its start.
    assert set().union(*found["nstat"].values()) <= {"UdpRcvbufErrors", "Udp6RcvbufErrors"}

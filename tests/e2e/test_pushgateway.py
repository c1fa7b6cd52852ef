"""A host that is its own monitor and has an application that pushes: a story, told in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.conftest import StageSetter
from tests.e2e.operating import Outcome, Site
from tests.e2e.watching import changes, snapshot

pytestmark = pytest.mark.long

HOST = "alone.example.com"
UNIT = "prometheus-pushgateway"
DEFAULTS = "/etc/default/prometheus-pushgateway"
PUSHED = "dataclay_stored_objects"
ELSEWHERE = ("-e", "pushgateway_port=19091")
STRANGER = """
systemd-run --quiet --collect --unit=stranger python3 -c '
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 9091)); s.listen()
time.sleep(1000)'
for _ in $(seq 50); do ss -Hlnt | grep -q "0.0.0.0:9091 " && exit; sleep 0.1; done; exit 1
"""


@pytest.fixture(scope="module")
def site(stage: StageSetter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    inventory = tmp_path_factory.mktemp("site") / "inventory.yml"
    content = {
        "monitor": {"hosts": {HOST: None}, "vars": {"influxdb_engine": 1}},
        "workers": {
            "hosts": {HOST: None},
            "vars": {"apps": ["dataclay"], "dataclay_pushgateway": True},
        },
    }
    inventory.write_text(yaml.safe_dump(content))
    with stage("e2e-pushgateway", engine=None, inventory=inventory) as site:
        yield site


def listening(site: Site) -> list[str]:
    """Where the Pushgateway listens."""
    lines = site.on(HOST, "ss -Hlntp | grep prometheus-push").splitlines()
    return [line.split()[3] for line in lines]


def starts(site: Site) -> int:
    """How often the Pushgateway was started since the host has booted."""
    text = site.on(HOST, f"journalctl -b -u {UNIT} -o cat")
    return sum(line.startswith("Started ") for line in text.splitlines())


def up(site: Site, *words: str) -> Outcome:
    done = site.provision("up", *words)
    assert done.status == 0, done.text
    return done


def assert_well(site: Site, *words: str) -> None:
    """Nothing is left to do, and no service is started again for it."""
    before = starts(site), site.pid(HOST, "telegraf")
    assert "1 host, 0 changed, 0 failed" in up(site, *words).out
    assert (starts(site), site.pid(HOST, "telegraf")) == before


def test_what_it_needs_of_debian_is_not_downloaded_by_each_rehearsal(site: Site) -> None:
    assert site.on(HOST, f"apt-get install --print-uris -qq --no-install-recommends {UNIT}") == ""


def test_it_is_installed_and_listens_for_this_host_alone(site: Site) -> None:
    before = snapshot(site, HOST)
    check = up(site, "--check", "--diff")
    said = check.about(HOST)
    assert f"install package {UNIT}" in said and f"create file {DEFAULTS}" in said
    assert '+ARGS="--web.listen-address=127.0.0.1:9091"' in said
    assert changes(before, snapshot(site, HOST)) == []

    up(site)
    assert site.on(HOST, f"systemctl is-enabled {UNIT}; systemctl is-active {UNIT}") == (
        "enabled\nactive\n"
    )
    assert listening(site) == ["127.0.0.1:9091"]
    # It never ran as the package configures it, which is for everybody.
    assert starts(site) == 1
    assert "address=:9091" not in site.on(HOST, f"journalctl -b -u {UNIT} -o cat")
    assert_well(site)


def test_what_is_pushed_arrives(site: Site) -> None:
    url = "http://127.0.0.1:9091/metrics"
    text = f"# TYPE {PUSHED} gauge\\n{PUSHED} 7\\n"
    site.on(HOST, f"printf '{text}' | curl -sSf --data-binary @- {url}/job/backend")
    assert f'{PUSHED}{{instance="",job="backend"}} 7' in site.on(HOST, f"curl -sSf {url}")


def test_another_port_is_one_restart_that_loses_nothing(site: Site) -> None:
    before = starts(site)
    done = up(site, *ELSEWHERE)
    assert f"change file {DEFAULTS}" in done.about(HOST)
    assert starts(site) == before + 1
    assert listening(site) == ["127.0.0.1:19091"]
    assert PUSHED in site.on(HOST, "curl -sSf http://127.0.0.1:19091/metrics")
    assert_well(site, *ELSEWHERE)


def test_a_port_that_a_stranger_has_is_told_before_anything_changes(site: Site) -> None:
    site.on(HOST, STRANGER)
    before, started = snapshot(site, HOST), starts(site)
    for words in (("--check",), ()):
        done = site.provision("up", *words)
        assert done.status == 1 and "Traceback" not in done.text
        said = done.about(HOST)
        assert "python3 (of stranger.service) already listens on tcp port 9091" in said
        assert f"which {UNIT} needs" in said
        assert f"stop python3, or give {UNIT} another port: set pushgateway_port" in said
    assert changes(before, snapshot(site, HOST)) == []
    assert starts(site) == started
    # Where it listens now is not in the way of anything.
    assert_well(site, *ELSEWHERE)
    site.on(HOST, "systemctl stop stranger")
    up(site)
    assert listening(site) == ["127.0.0.1:9091"]
    assert_well(site)


def test_a_pushgateway_that_nobody_pushes_to_any_more_stays_as_it_is(site: Site) -> None:
    no_longer = ("-e", '{"dataclay_pushgateway": false}')
    before = site.pid(HOST, UNIT), site.on(HOST, f"cat {DEFAULTS}")
    assert "pushgateway" not in up(site, *no_longer).about(HOST)
    assert (site.pid(HOST, UNIT), site.on(HOST, f"cat {DEFAULTS}")) == before
    assert_well(site, *no_longer)
    assert "pushgateway" not in up(site).about(HOST)
    assert_well(site)


def test_debian_that_cannot_be_reached_is_told_with_the_package_that_is_lacking(site: Site) -> None:
    site.on(
        HOST,
        f"apt-get -q -y purge {UNIT} && rm -r /var/lib/apt/lists/*_dists_bookworm*"
        " && cp /etc/apt/sources.list /root/"
        " && sed -i 's|http://[^ ]*|http://127.0.0.1:1/debian|' /etc/apt/sources.list",
    )
    done = site.provision("up")
    assert done.status == 1 and "Traceback" not in done.text
    said = done.about(HOST)
    assert f"None of this host's own apt sources offers {UNIT}" in said
    assert "Failed to fetch http://127.0.0.1:1/debian" in said
    assert "remedy: see that the sources in /etc/apt can be read" in said


def test_indexes_that_were_never_fetched_are_fetched(site: Site) -> None:
    site.on(HOST, "mv /root/sources.list /etc/apt/")
    assert site.on(HOST, f"apt-cache policy {UNIT} | grep 'Candidate: [0-9]'", check=False) == ""
    up(site)
    assert listening(site) == ["127.0.0.1:9091"]
    assert_well(site)

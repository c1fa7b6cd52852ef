"""A fleet that stands, and what happens to it: changed by hand, changed on purpose, left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import StageSetter
from tests.e2e.operating import Site, described, pids

pytestmark = pytest.mark.long

CONFIGURATION = "/etc/telegraf/telegraf.conf"


@pytest.fixture(scope="module")
def site(stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-keeping") as site:
        done = site.provision("up")
        assert done.status == 0, done.text
        yield site


@pytest.fixture
def worker(site: Site) -> Iterator[str]:
    """A worker, and all is well again after a test."""
    yield site.workers[0]
    site.on(site.workers[0], "rm -f /etc/telegraf/telegraf.d/foreign.conf")
    assert_well(site)


def assert_well(site: Site) -> None:
    done = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in done.out, done.text


def test_an_edit_by_hand_is_found_shown_and_put_back(site: Site, worker: str) -> None:
    before, text = pids(site), site.on(worker, f"cat {CONFIGURATION}")
    loaded = site.reloads(worker)
    site.on(worker, f"sed -i 's/flush_jitter = .*/flush_jitter = \"7s\"/' {CONFIGURATION}")
    check = site.provision("up", "--check", "--diff")
    assert check.status == 0, check.text
    said = check.about(worker)
    assert f"change file {CONFIGURATION} (its content differs)" in said
    assert '-  flush_jitter = "7s"' in said and '+  flush_jitter = "1s"' in said
    assert "3 hosts, 1 would change" in check.out
    assert site.on(worker, f"cat {CONFIGURATION}") != text

    done = site.provision("up", "--diff")
    assert done.status == 0, done.text
    assert "3 hosts, 1 changed" in done.out
    assert site.on(worker, f"cat {CONFIGURATION}") == text
    assert pids(site) == before
    assert site.reloads(worker) == loaded + 1


def test_a_changed_mode_and_a_stopped_disabled_service_are_put_right(
    site: Site, worker: str
) -> None:
    site.on(worker, f"chmod 0666 {CONFIGURATION}; systemctl disable --now -q telegraf")
    check = site.provision("up", "--check")
    assert "its mode is 0666, not 0640" in check.about(worker)
    done = site.provision("worker", worker)
    assert done.status == 0, done.text
    assert site.on(worker, f"stat -c %a {CONFIGURATION}") == "640\n"
    assert site.on(worker, "systemctl is-enabled telegraf; systemctl is-active telegraf") == (
        "enabled\nactive\n"
    )


def test_a_removed_package_comes_back(site: Site, worker: str) -> None:
    site.on(worker, "DEBIAN_FRONTEND=noninteractive apt-get -q -y purge telegraf")
    done = site.provision("worker", worker)
    assert done.status == 0, done.text
    assert site.pid(worker, "telegraf") != "0"


def test_a_changed_setting_is_taken_up_while_telegraf_runs(site: Site, worker: str) -> None:
    before, loaded = pids(site), {each: site.reloads(each) for each in site.workers}
    done = site.provision("up", "-e", "telegraf_interval=5s")
    assert done.status == 0, done.text
    assert "3 hosts, 2 changed" in done.out
    assert pids(site) == before
    for each in site.workers:
        assert site.reloads(each) == loaded[each] + 1
        last = site.on(each, "journalctl -u telegraf -o cat | grep 'Config: Interval' | tail -1")
        assert "Interval:5s" in last
    assert 'interval = "5s"' in site.on(worker, f"cat {CONFIGURATION}")
    back = site.provision("up")
    assert back.status == 0, back.text


def test_how_much_may_wait_is_taken_up_while_telegraf_runs(site: Site, worker: str) -> None:
    before = pids(site)
    done = site.provision("up", "-e", "telegraf_buffer_megabytes=1500")
    assert done.status == 0, done.text
    assert pids(site) == before
    assert site.on(worker, "tail -n 1 /etc/telegraf/provision-buffer") == "1500\n"
    assert "metric_buffer_limit = 2400000" in site.on(worker, f"cat {CONFIGURATION}")
    assert site.on(worker, "systemctl start provision-telegraf-buffer 2>&1") == ""
    assert site.provision("up").status == 0


def test_telegraf_that_cannot_end_its_writing_is_restarted_and_loses_nothing_that_waits(
    site: Site, worker: str
) -> None:
    """InfluxDB takes connections and does not answer, so a reload does not come to its end."""
    before, loaded = site.pid(worker, "telegraf"), site.reloads(worker)
    site.on(site.monitor, "systemctl kill -s STOP influxdb; sleep 3")
    try:
        done = site.provision("worker", worker, "-e", "telegraf_interval=3s")
        assert done.status == 0, done.text
        assert site.reloads(worker) == loaded + 1
        assert site.pid(worker, "telegraf") not in ("0", before)
        assert 'interval = "3s"' in site.on(worker, f"cat {CONFIGURATION}")
        assert "0 changed" in site.provision("worker", worker, "-e", "telegraf_interval=3s").out
    finally:
        site.on(site.monitor, "systemctl kill -s CONT influxdb")
    assert site.provision("up").status == 0
    assert described(site.metrics(worker)) == []


def test_where_somebody_changed_how_telegraf_is_reloaded_it_is_restarted_and_that_is_told(
    site: Site, worker: str
) -> None:
    folder = "/etc/systemd/system/telegraf.service.d"
    theirs = f"{folder}/theirs.conf"
    text = "[Service]\\nExecReload=\\nExecReload=/bin/true\\n"
    site.on(worker, f"printf '{text}' >{theirs}; systemctl daemon-reload")
    before = site.pid(worker, "telegraf")
    done = site.provision("worker", worker, "-e", "telegraf_interval=3s")
    assert done.status == 0, done.text
    said = done.about(worker)
    assert f"it did not take them up while it runs, with its unit changed by {theirs}" in said
    assert site.pid(worker, "telegraf") not in ("0", before)
    site.on(worker, f"rm {theirs}; systemctl daemon-reload")
    assert site.provision("up").status == 0


def test_a_file_beside_ours_that_is_broken_stops_nothing_that_runs(site: Site, worker: str) -> None:
    before, text = pids(site), site.on(worker, f"cat {CONFIGURATION}")
    site.on(worker, "echo '[[inputs.nonsense]]' > /etc/telegraf/telegraf.d/foreign.conf")
    done = site.provision("up", "-e", "telegraf_interval=5s")
    assert done.status == 1
    said = done.about(worker)
    assert "failed" in said and "nonsense" in said and "foreign.conf" in said and "remedy" in said
    assert "  changed" in done.about(site.workers[1]), "the other one is finished"
    assert pids(site)[worker] == before[worker]
    assert site.on(worker, f"cat {CONFIGURATION}") == text
    site.on(worker, "rm /etc/telegraf/telegraf.d/foreign.conf")
    assert site.provision("up").status == 0


def test_a_file_beside_ours_that_is_right_stays_and_counts(site: Site, worker: str) -> None:
    foreign = "/etc/telegraf/telegraf.d/foreign.conf"
    site.on(worker, f"printf '[[inputs.internal]]\\n' > {foreign}")
    check = site.provision("up", "--check")
    assert "3 hosts, 0 would change" in check.out, check.text
    assert site.on(worker, f"cat {foreign}") == "[[inputs.internal]]\n"

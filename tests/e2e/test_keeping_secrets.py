"""The site's secrets while it is kept: lost, read by others, wrong on a host, deleted, vaulted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import ENGINES, StageSetter
from tests.e2e.operating import PROVISION, Site, described, execute, pids
from tests.e2e.rights import engine, write, write_name, writes

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-secrets", engine=request.param) as site:
        done = site.provision("up")
        assert done.status == 0, done.text
        yield site


def test_a_wrong_credential_put_in_by_hand_is_corrected(site: Site) -> None:
    worker = site.workers[0]
    path, process = "/etc/telegraf/credentials/influxdb", site.pid(worker, "telegraf")
    before = site.on(worker, f"cat {path}")
    site.on(worker, f"echo wrong >{path}")
    done = site.provision("up", "--diff")
    assert done.status == 0, done.text
    assert f"change file {path}" in done.about(worker)
    assert "(secret)" in done.about(worker) and "wrong" not in done.out
    assert site.on(worker, f"cat {path}") == before
    assert site.pid(worker, "telegraf") == process, "it reads it anew by itself"
    assert described(site.metrics()) == []


def test_a_lost_secrets_file_is_told_of_and_nothing_is_broken(site: Site) -> None:
    before = pids(site)
    path = "/etc/telegraf/credentials/influxdb"
    logins = [site.on(worker, f"cat {path}") for worker in site.workers]
    kept = site.secrets_file.rename(site.secrets_file.with_name("kept"))
    try:
        done = site.provision("up")
        assert done.status == 1
        said = done.about(site.monitor)
        assert "failed" in said and "remedy" in said
        assert "InfluxDB" in said
        assert pids(site) == before
        assert [site.on(worker, f"cat {path}") for worker in site.workers] == logins
    finally:
        kept.replace(site.secrets_file)
    mended = site.provision("up")
    assert mended.status == 0, mended.text


def test_a_readable_secrets_file_is_refused(site: Site) -> None:
    site.secrets_file.chmod(0o644)
    try:
        done = site.provision("up", "--check")
    finally:
        site.secrets_file.chmod(0o600)
    assert done.status == 1
    assert "others than its owner may read it" in done.err and "chmod 0600" in done.err


def test_what_someone_changed_in_the_secrets_file_is_made_again(site: Site) -> None:
    name = write_name(site, site.workers[0])
    old = site.secrets[name]
    text = site.secrets_file.read_text().replace(old, "somebody-elses-token")
    site.secrets_file.write_text(text)
    done = site.provision("up")
    assert done.status == 0, done.text
    new = site.secrets[name]
    assert new not in (old, "somebody-elses-token")
    assert described(site.metrics()) == []


def test_without_a_copy_influxdb_lets_in_again_as_the_message_has_it(site: Site) -> None:
    """A new operator's token is made on the host by hand; everything else follows from it."""
    if engine(site) == 1:
        pytest.skip("engine 1 has no operator's token")
    old = [writes(site, worker) for worker in site.workers]
    site.secrets_file.unlink()
    done = site.provision("up")
    assert done.status == 1
    said = done.about(site.monitor)
    command = re.search(r"`(influxd recovery auth create-operator [^`]+)`", said)
    assert command and "as influxdb_operator_token" in said, said
    shown = site.on(
        site.monitor,
        f"systemctl stop influxdb && runuser -u influxdb -- {command[1]};"
        # Of one that is still starting it is not known what is stale: the next run revokes it.
        " systemctl start --no-block influxdb;"
        " until curl -sf http://127.0.0.1:8086/health >/dev/null; do sleep 0.2; done",
    )
    (token,) = re.findall(r"[\w-]{86}==", shown)
    content = yaml.safe_load(site.secrets_file.read_text())
    content["provision_secrets"]["influxdb_operator_token"] = token
    site.secrets_file.write_text(yaml.safe_dump(content))
    done = site.provision("up")
    assert done.status == 0, done.text
    assert [write(site, header) for header in old] == [401, 401]
    assert "3 hosts, 0 changed, 0 failed" in site.provision("up").out
    assert described(site.metrics()) == []


def test_a_vaulted_secrets_file_works_and_stays_vaulted(site: Site, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    vault = [*PROVISION[:2], "ansible", "vault"]
    secrets = site.secrets
    content = yaml.safe_load(site.secrets_file.read_text())
    del content["provision_secrets"][write_name(site, site.workers[1])]  # so that one is added
    site.secrets_file.write_text(yaml.safe_dump(content))
    options: list[str | Path] = ["--vault-password-file", password]
    assert execute(*vault, "encrypt", *options, site.secrets_file).status == 0
    try:
        without = site.provision("up", "--check")
        assert without.status == 1
        assert "secrets.yml" in without.err and "--vault-password-file" in without.err
        done = site.provision("up", *options)
        assert done.status == 0, done.text
        assert site.secrets_file.read_text().startswith("$ANSIBLE_VAULT;")
        shown = execute(*vault, "view", *options, site.secrets_file)
        found = yaml.safe_load(shown.out)["provision_secrets"]
        assert found.keys() == secrets.keys()
        again = site.provision("up", *options)
        assert "3 hosts, 0 changed, 0 failed" in again.out, again.text
    finally:
        execute(*vault, "decrypt", *options, site.secrets_file)


def test_secrets_that_are_vaulted_one_by_one_work_and_stay_so(site: Site, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    content = site.secrets
    name = "influxdb_read_token" if site.stage.source.engine == 2 else "influxdb_admin_password"
    if site.stage.source.engine == 2:  # so that a run has a token to add
        del content[name]
    vault_id = f"prod@{password}"
    lines = ["provision_secrets:"]
    for each, value in content.items():
        # A token may begin with what begins an option.
        words = ("encrypt_string", "--vault-id", vault_id, "--name", each, "--", value)
        done = execute(*PROVISION[:2], "ansible", "vault", *words)
        assert done.status == 0, done.err
        lines += [f"  {line}" for line in done.out.strip().splitlines()]
    site.secrets_file.write_text("\n".join(lines) + "\n")
    done = site.provision("up", "--vault-id", vault_id)
    assert done.status == 0, done.text
    kept = site.secrets_file.read_text()
    assert set(lines) <= set(kept.splitlines()) and f"{name}:" in kept
    assert not any(value in kept for value in content.values())
    again = site.provision("up", "--vault-id", vault_id)
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text

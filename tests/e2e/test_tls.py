"""TLS on real hosts: switched on, held to what it must refuse, renewed, switched off again."""

from __future__ import annotations

import json
import ssl
import stat
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.services import viewer
from provision.tls import certificates
from provision.tls.certificates import make_ca, make_certificate, new_key, pem, read_key, read_pem
from provision.verify.panels import check_panels_in_grafana
from tests.e2e.conftest import ENGINES, GRAFANA_PACKAGES, StageSetter, needs_grafana
from tests.e2e.operating import Site, ask, described

pytestmark = pytest.mark.long

WORKER = "worker-1.rehearsal"
CA = "/etc/telegraf/provision-ca.crt"
OUTPUT = "/etc/telegraf/telegraf.d/output.conf"
KEY, CERTIFICATE = "/etc/influxdb/provision-tls.key", "/etc/influxdb/provision-tls.crt"


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    """With Grafana where there is a package of it; everything over HTTP as yet."""
    folder = Path(GRAFANA_PACKAGES) if GRAFANA_PACKAGES else None
    settings, workers = {"tls": "own-ca"}, {WORKER: {"apps": ["realm"]}}
    with stage(
        "e2e-tls", engine=request.param, folder=folder, settings=settings, workers=workers
    ) as site:
        done = site.provision("up", "-e", "tls=off")
        assert done.status == 0, done.text
        yield site


@pytest.fixture(scope="module")
def outputs() -> list[str]:
    """Everything that was printed: no key may be in it."""
    return []


def folder(site: Site) -> Path:
    return site.secrets_file.parent / "tls"


def address(site: Site) -> str:
    return site.stage.rehearsal.host(site.monitor).address


def served(site: Site, port: int = 8086) -> str:
    """The certificate that a service shows to anybody."""
    return ssl.get_server_certificate((address(site), port), timeout=10)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def journal(site: Site) -> str:
    return site.on(WORKER, "journalctl -q -u telegraf -o cat")


def test_a_check_tells_of_certificates_and_makes_none(site: Site, outputs: list[str]) -> None:
    secrets = site.secrets_file.read_bytes()
    done = site.provision("up", "--check", "--diff")
    outputs.append(done.text)
    assert done.status == 0, done.text
    assert "a certificate authority of this site is made" in done.text
    assert f"create file {KEY}" in done.about(site.monitor)
    assert f"create file {CA}" in done.about(WORKER)
    assert not folder(site).exists() and site.secrets_file.read_bytes() == secrets
    assert ask(f"http://{address(site)}:8086/ping")[0] == 204


def test_where_influxdb_does_not_follow_everything_goes_back(site: Site) -> None:
    drop_in = "/etc/systemd/system/influxdb.service.d/broken.conf"
    broken = f'[Service]\nRestart=no\nExecStartPre=/bin/sh -c "! test -e {KEY}"'
    site.on(
        site.monitor,
        f"mkdir -p $(dirname {drop_in}); echo '{broken}' > {drop_in}; systemctl daemon-reload",
    )
    done = site.provision("up")
    site.on(site.monitor, f"rm {drop_in}; systemctl daemon-reload")
    assert done.status == 1
    assert "influxdb does not work" in done.about(site.monitor)
    assert "does not speak TLS. Telegraf could not write there" in done.about(WORKER)
    for host in (site.monitor, WORKER):
        assert "The old files are back, and the service works with them." in done.about(host)
    assert (
        site.pid(WORKER, "telegraf") != "0" and ask(f"http://{address(site)}:8086/ping")[0] == 204
    )
    assert "https" not in site.on(WORKER, f"ls {CA}; cat {OUTPUT}", check=False)


def test_it_is_switched_on_and_nothing_is_dropped(site: Site, outputs: list[str]) -> None:
    done = site.provision("up", "--diff", "-vvv")
    outputs.append(done.text)
    assert done.status == 0, done.text
    # Telegraf would drop what a server refuses that wants TLS: it never sends there without.
    assert "400 Bad Request" not in journal(site)
    done = site.provision("up")
    assert "2 hosts, 0 changed, 0 failed" in done.out, done.text


def test_what_is_documented_arrives(site: Site) -> None:
    outcomes = site.metrics()
    assert len(outcomes) == 18 and described(outcomes) == []
    done = site.provision("verify", "--wait", "60s")
    assert done.status == 0, done.text


def test_who_verifies_by_name_with_our_authority_gets_in_and_nobody_else(site: Site) -> None:
    command = f"openssl s_client -connect {address(site)}:8086 -verify_return_error </dev/null"
    ours = f"-CAfile {CA}"
    names = [f"-verify_hostname {site.monitor}", f"-verify_ip {address(site)}"]
    for name in names:
        assert opens(site, f"{command} {name} {ours}")
        assert not opens(site, f"{command} {name}")
    assert not opens(site, f"{command} -verify_hostname other.rehearsal {ours}")


def opens(site: Site, command: str) -> bool:
    said = site.on(WORKER, f"{command} 2>&1; echo status $?", check=False)
    return said.endswith("status 0\n") and "Verify return code: 0 (ok)" in said


def test_without_tls_nothing_is_told(site: Site) -> None:
    status, answer = ask(f"http://{address(site)}:8086/query?db=telegraf&q=SHOW+MEASUREMENTS")
    assert (status, answer.strip()) == (400, "Client sent an HTTP request to an HTTPS server.")


def test_a_certificate_for_other_names_is_refused_by_all(site: Site) -> None:
    secrets = site.secrets
    authority = read_pem((folder(site) / "ca.crt").read_text())[0]
    key, now = new_key(), datetime.now(UTC)
    other = pem(
        [
            make_certificate(
                key, ["other.rehearsal"], authority, read_key(secrets["tls_ca_key"]), now
            )
        ]
    )
    text = key.private_bytes(
        certificates.PEM,
        certificates.serialization.PrivateFormat.PKCS8,
        certificates.serialization.NoEncryption(),
    ).decode()
    old = site.on(site.monitor, f"cat {KEY} {CERTIFICATE}")
    site.on(
        site.monitor,
        f"echo '{text}' > {KEY}; echo '{other}' > {CERTIFICATE};"
        " systemctl restart influxdb --no-block",
    )
    wait_for(lambda: shows(site, other))
    with pytest.raises(ProvisionError, match="certificate"):
        site.ask(lambda database: database.ask(["SHOW MEASUREMENTS"]))
    seen = len(journal(site))
    wait_for(lambda: "x509: " in journal(site)[seen:])
    site.on(WORKER, "printf kept.meanwhile:7\\|c > /dev/udp/127.0.0.1/8125")
    done = site.provision("up")
    assert done.status == 0, done.text
    assert "0 changed" not in done.out
    assert site.on(site.monitor, f"cat {KEY} {CERTIFICATE}") == old
    # What Telegraf gathered in between was kept.
    query = "SELECT sum(value) FROM undocumented WHERE bucket = 'kept.meanwhile'"
    wait_for(lambda: any(answer.series for answer in site.ask(lambda each: each.ask([query]))))


def shows(site: Site, certificate: str) -> bool:
    try:
        return served(site).strip() == certificate.strip()
    except OSError:
        return False


def test_what_comes_to_its_end_is_renewed_and_nobody_is_cut_off(
    site: Site, outputs: list[str]
) -> None:
    """The authority, too: the old one signs for the last time, and both are trusted."""
    secrets, now = site.secrets, datetime.now(UTC)
    ca_key, key = read_key(secrets["tls_ca_key"]), read_key(secrets["tls_server_key"])
    old = make_ca(ca_key, now - timedelta(days=2600))
    names = certificates.names_of(read_pem((folder(site) / "server.crt").read_text())[0])
    short = make_certificate(key, names, old, ca_key, now - timedelta(days=380))
    (folder(site) / "ca.crt").write_text(pem([old]))
    (folder(site) / "server.crt").write_text(pem([short]))
    done = site.provision("up", "--check")
    assert "the old one ends on" in done.text and "a new certificate authority" in done.text
    assert (folder(site) / "server.crt").read_text() == pem([short])
    done = site.provision("up")
    outputs.append(done.text)
    assert done.status == 0, done.text
    text = (folder(site) / "server.crt").read_text()
    assert text != pem([short]) and served(site).strip() == text.strip()
    new, kept = read_pem(site.on(WORKER, f"cat {CA}"))
    assert certificates.is_signed_by(read_pem(text)[0], [kept]) and kept == old != new
    assert certificates.fits(read_key(site.secrets["tls_ca_key"]), new)
    assert described(site.metrics()) == []
    done = site.provision("up")
    assert "2 hosts, 0 changed, 0 failed" in done.out, done.text


@needs_grafana
def test_grafana_speaks_tls_on_both_sides(site: Site) -> None:
    url = f"https://{address(site)}:3000"
    assert site.stage.fleet.site.grafana_url == url
    trusted = ssl.create_default_context(cafile=str(folder(site) / "ca.crt"))
    with urllib.request.urlopen(f"{url}/login", context=trusted, timeout=10) as page:
        assert page.status == 200 and b"<title>Grafana" in page.read()
    with pytest.raises(OSError, match="certificate verify failed"):
        urllib.request.urlopen(f"{url}/login", timeout=10)
    start = int(time.time() * 1000) - 1000
    assert described(site.metrics()) == []
    end = int(time.time() * 1000)
    panels = check_panels_in_grafana(
        viewer(site.stage.fleet), site.stage.fleet.site.catalogs, start, end
    )
    assert [panel.panel.title for panel in panels if panel.error] == []
    assert any(panel.ok for panel in panels)


def test_no_key_can_be_read_by_others(site: Site, outputs: list[str], tmp_path: Path) -> None:
    keys = {name: text for name, text in site.secrets.items() if name.startswith("tls_")}
    assert len(keys) == 2
    assert site.provision("render", "--output", tmp_path / "tree").status == 0
    texts = [path.read_text() for path in (tmp_path / "tree").rglob("*") if path.is_file()]
    texts += [path.read_text() for path in folder(site).iterdir()] + outputs
    for text in keys.values():
        assert not any(part in each for each in texts for part in (text, text[:64]))
    assert stat.S_IMODE(site.secrets_file.stat().st_mode) == 0o600
    modes = site.on(site.monitor, f"stat -c '%a %U:%G' {KEY} {CERTIFICATE}")
    assert modes == "640 root:influxdb\n644 root:influxdb\n"
    script = "cat > /run/pattern; find / /run /tmp -xdev -type f -perm /o=r -cnewer /etc/hostname "
    script += "-exec grep -lF -f /run/pattern {} +; rm /run/pattern"
    for host in site.names:
        done = site.stage.rehearsal.execute(
            host, "sh", "-c", f"umask 077; {script}", stdin=keys["tls_server_key"][:64], check=False
        )
        assert done.stdout == ""


def test_it_is_switched_off_again(site: Site) -> None:
    done = site.provision("up", "-e", "tls=off")
    assert done.status == 0, done.text
    done = site.provision("up", "-e", "tls=off")
    assert "2 hosts, 0 changed, 0 failed" in done.out, done.text
    assert ask(f"http://{address(site)}:8086/ping")[0] == 204
    for host, path in ((WORKER, CA), (site.monitor, KEY), (site.monitor, CERTIFICATE)):
        assert site.on(host, f"ls {path} 2>&1", check=False).startswith("ls: cannot access")
    done = site.provision("verify", "--wait", "60s", "--format", "json", "-e", "tls=off")
    assert done.status == 0, [each for each in json.loads(done.out) if each["status"] == "failed"]

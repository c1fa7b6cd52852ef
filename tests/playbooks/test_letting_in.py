from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible.module_utils.provision import letting_in
from ansible.module_utils.provision.trouble import Trouble


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What nft is asked for, which does not know any table."""
    program, log = tmp_path / "nft", tmp_path / "log"
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\nexit 1\n')
    program.chmod(0o755)
    log.touch()
    monkeypatch.setattr(letting_in, "NFT", str(program))
    return log


def test_the_rules_of_files_are_taken_back_and_nothing_else(asked: Path) -> None:
    letting_in.now(
        [
            "/etc/provision/telegraf.nft",
            "/etc/provision/prometheus-pushgateway.nft",
            "/etc/telegraf/telegraf.conf",
            "/etc/nftables/telegraf.nft",
            "/etc/provision/deeper/x.nft",
        ]
    )
    assert asked.read_text().splitlines() == [
        "delete table inet provision_telegraf",
        "delete table inet provision_prometheus_pushgateway",
    ]


def test_rules_whose_file_is_there_stay(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letting_in, "_RULES", re.compile(rf"{tmp_path}/([^/]+)\.nft"))
    (tmp_path / "stays.nft").touch()
    letting_in.again([str(tmp_path / name) for name in ("stays.nft", "gone.nft", "gone.conf")])
    assert asked.read_text().splitlines() == ["delete table inet provision_gone"]


def test_a_host_without_nftables_has_no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letting_in, "NFT", "/nonexistent/nft")
    letting_in.now(["/etc/provision/telegraf.nft"])


@pytest.mark.parametrize("loads", [True, False])
def test_rules_are_loaded_from_the_files_of_units_that_have_some(
    tmp_path: Path, asked: Path, monkeypatch: pytest.MonkeyPatch, loads: bool
) -> None:
    monkeypatch.setattr(letting_in, "_FOLDER", str(tmp_path))
    (tmp_path / "nft").write_text(f'#!/bin/sh\necho "$@" >>{asked}\nexit {int(not loads)}\n')
    rules = tmp_path / "telegraf.nft"
    rules.touch()
    assert bool(letting_in.loading("telegraf")) != loads and not letting_in.loading("nobody")
    assert asked.read_text() == f"-f {rules}\n"
    monkeypatch.setattr(letting_in, "NFT", "/nonexistent/nft")
    assert letting_in.loading("telegraf")


#: As nftables 1.0.6 prints it.
LISTING = """\
table inet provision_telegraf {
\tchain input {
\t\ttype filter hook input priority filter - 5; policy accept;
\t\tiif "lo" accept
\t\tudp dport 8125 ip saddr 10.0.0.0/8 accept
\t\tudp dport 8125 drop
\t\ttcp dport 8125 drop
\t}
}
"""


def test_what_is_kept_out_is_the_same_in_a_file_and_as_it_is_listed() -> None:
    drops = {"udp dport 8125 drop", "tcp dport 8125 drop"}
    assert letting_in.drops(LISTING) == drops
    assert letting_in.drops("    udp dport 8125 drop\n        tcp dport 8125 drop\n}\n") == drops
    assert letting_in.drops(LISTING.replace("drop", "accept")) == set()
    assert letting_in.drops("") == set()


def test_why_rules_cannot_be_loaded_is_told_in_the_words_of_nft(
    tmp_path: Path, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letting_in, "_FOLDER", str(tmp_path))
    letting_in.guard(["telegraf"])  # it has none
    (tmp_path / "telegraf.nft").touch()
    says = "Error: Could not process rule: Operation not supported"
    (tmp_path / "nft").write_text(f"#!/bin/sh\necho '{says}' >&2; echo line >&2; exit 1\n")
    with pytest.raises(Trouble, match=re.escape(f"to telegraf can't be loaded ({says}). Nothing")):
        letting_in.guard(["nobody", "telegraf"])
    (tmp_path / "nft").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(Trouble, match=re.escape("(exit status 3)")):
        letting_in.guard(["telegraf"])
    monkeypatch.setattr(letting_in, "NFT", "/nonexistent/nft")
    with pytest.raises(Trouble, match=re.escape("(/nonexistent/nft: No such file or directory)")):
        letting_in.guard(["telegraf"])

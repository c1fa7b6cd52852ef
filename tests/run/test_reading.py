from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from ansible.parsing.dataloader import DataLoader

from provision.run.reading import hand_on, read


def test_what_was_read_of_hosts_is_not_read_once_more(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: {m.example.org: {}}}\n")
    variables = tmp_path / "host_vars" / "m.example.org.yml"
    variables.parent.mkdir()
    variables.write_text("influxdb_engine: 1\n")
    options = ["-i", str(tmp_path / "inventory.yml")]
    found = read(options, lambda directory: frozenset({"influxdb_engine"}))
    assert found.hosts[0].variables == {"influxdb_engine": 1}
    variables.write_text("influxdb_engine: 2\n")
    fresh, told = DataLoader(), DataLoader()
    hand_on(told)
    assert fresh.load_from_file(str(variables)) == {"influxdb_engine": 2}
    assert told.load_from_file(str(variables)) == {"influxdb_engine": 1}


def test_a_loader_that_remembers_otherwise_reads_anew() -> None:
    other = SimpleNamespace()
    hand_on(other)
    assert vars(other) == {}

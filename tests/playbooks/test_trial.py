from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.module_utils.provision import swap, trial

from tests.playbooks.files import entry


@pytest.mark.skipif(os.getuid() != 0, reason="checks run as another user, which root alone can")
class TestCheck:
    def wanted(self, tmp_path: Path, command: str) -> dict[str, object]:
        return {
            "command": ["/bin/sh", "-c", command.replace("DIR", "{root}" + str(tmp_path))],
            "copies": [str(tmp_path / "etc")],
            "environment": str(tmp_path / "etc/default"),
            "variables": {"FOLDER": "{root}/folder"},
            "user": "nobody",
        }

    @pytest.fixture(autouse=True)
    def there(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir(mode=0o755)
        (tmp_path / "etc/stays").write_text("stays")
        (tmp_path / "etc/goes").write_text("goes")

    def run(self, tmp_path: Path, command: str) -> None:
        files = [
            entry(tmp_path / "etc/new", "new", 0o644),
            entry(tmp_path / "etc/default", 'SECRET="s3cr\\"et"\n# no\nOTHER=plain\n'),
        ]
        trial.check(self.wanted(tmp_path, command), files, [str(tmp_path / "etc/goes")])

    def test_sees_the_files_as_they_will_be_and_the_environment(self, tmp_path: Path) -> None:
        self.run(
            tmp_path,
            'test "$(cat DIR/etc/new)" = new && test -e DIR/etc/stays && ! test -e DIR/etc/goes'
            ' && mkdir "$FOLDER" && test "$FOLDER" = {root}/folder'
            ' && test "$SECRET" = \'s3cr"et\' && test $OTHER = plain && test $(id -un) = nobody',
        )
        assert (tmp_path / "etc/goes").exists()
        assert not (tmp_path / "etc/new").exists()

    def test_tells_the_errors_without_secrets_and_without_its_own_paths(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(swap.SwapError) as error:
            self.run(tmp_path, 'echo fine; echo "2026-01-01T00:00:00Z E! DIR/x: $SECRET"; exit 1')
        assert f"E! {tmp_path}/x: (secret)." in error.value.message
        assert "fine" not in error.value.message


def test_reads_an_environment_file_as_systemd_does() -> None:
    text = '# c\nA=1\n B="two words"\nC=\'it\'\nbad line\nD="q\\"q"\n'
    assert trial.environment(text) == {"A": "1", "B": "two words", "C": "it", "D": 'q"q'}

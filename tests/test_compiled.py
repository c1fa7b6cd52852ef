from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from provision.compiled import Compiled

Made = Callable[..., Environment]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Made, list[str]]:
    """Makes an environment as another run would have it, and what was compiled since."""
    done: list[str] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    class Noted(Environment):
        def _parse(self, source: str, *more: object) -> object:
            done.append(source)
            return super()._parse(source, *more)  # type: ignore[arg-type]

    def make(text: str = "{{ 1 + 1 }}", by: str = "us") -> Environment:
        return Noted(loader=DictLoader({"a": text}), bytecode_cache=Compiled("kept", by))

    return make, done


def test_a_template_is_compiled_once(made: tuple[Made, list[str]]) -> None:
    make, done = made
    assert [make().get_template("a").render() for _ in range(3)] == ["2"] * 3
    assert done == ["{{ 1 + 1 }}"]


@pytest.mark.parametrize("other", [{"text": "{{ 1 + 1 }} "}, {"by": "others"}])
def test_another_text_or_maker_is_compiled_anew(
    made: tuple[Made, list[str]], other: dict[str, str]
) -> None:
    make, done = made
    make().get_template("a")
    assert make(**other).get_template("a").render() == "2" + other.get("text", "")[11:]
    assert len(done) == 2


@pytest.mark.parametrize("content", [b"", b"x" * 99, "half"])
def test_a_broken_one_is_made_anew(
    tmp_path: Path, made: tuple[Made, list[str]], content: bytes | str
) -> None:
    """As a full disk or a killed run of another program leaves it."""
    make, _ = made
    make().get_template("a")
    (kept,) = (tmp_path / "provision" / "kept").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])
    assert make().get_template("a").render() == "2"
    assert kept.read_bytes() == whole


def test_where_nothing_can_be_kept_they_are_compiled(
    tmp_path: Path, made: tuple[Made, list[str]]
) -> None:
    (tmp_path / "provision").write_text("no directory")
    make, _ = made
    assert make().get_template("a").render() == "2"

from __future__ import annotations

from comparing.actions import Secrets


def test_a_secret_is_evaluated_when_it_is_asked_for() -> None:
    asked: list[object] = []

    def evaluate(value: object) -> object:
        asked.append(value)
        return f"<{value}>"

    secrets = Secrets({"a": "1", "b": 2}, evaluate, {"c": "made", "b": "anew"})
    assert asked == []
    assert (secrets["a"], secrets["a"], secrets["b"], secrets.get("d")) == (
        "<1>",
        "<1>",
        "anew",
        None,
    )
    assert asked == ["1"]
    assert sorted(secrets) == ["a", "b", "c"]
    assert len(secrets) == 3


def test_what_this_run_has_made_is_told_from_what_it_was_given() -> None:
    secrets = Secrets({"a": "1", "b": 2, "c": "{{ c }}"}, lambda value: value, {"a": "1", "b": "3"})
    assert [name for name in ("a", "b", "c", "d") if secrets.made_anew(name)] == ["b"]
    assert Secrets({}, lambda value: value, {"n": "new"}).made_anew("n")
    assert not Secrets({"a": "1"}, lambda value: value).made_anew("a")


def test_all_of_them_may_be_a_template() -> None:
    secrets = Secrets("{{ all }}", lambda value: {"a": "x"} if value == "{{ all }}" else value)
    assert dict(secrets) == {"a": "x"}
    assert dict(Secrets("", lambda value: None)) == {}

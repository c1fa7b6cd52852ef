from __future__ import annotations

import json
import tomllib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from provision.render.environment import (
    as_json,
    comment,
    env,
    environment,
    grafana_yaml,
    quoted,
    secret,
    starlark,
    toml,
    word,
)

TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs",)))


@given(TEXT.filter(lambda text: "$" not in text))
def test_any_text_stays_a_value_in_toml(text: str) -> None:
    assert tomllib.loads(f"a = {toml(text)}") == {"a": text}


def test_toml_takes_numbers_booleans_and_lists() -> None:
    assert tomllib.loads(f"a = {toml([1, 2.5, True, 'x'])}") == {"a": [1, 2.5, True, "x"]}


def test_a_dollar_in_toml_is_refused_as_telegraf_would_put_a_variable_there() -> None:
    with pytest.raises(ValueError, match="variable"):
        toml("${HOME}")


@given(TEXT)
def test_any_text_stays_a_value_in_json(text: str) -> None:
    assert json.loads(as_json(text)) == text


@given(TEXT.filter(lambda text: not set(text) & set(map(chr, [*range(32), *range(127, 160)]))))
def test_any_text_stays_a_value_in_yaml(text: str) -> None:
    assert yaml.safe_load(f"a: {grafana_yaml(text)}") == {"a": text.replace("$", "$$")}


@given(TEXT)
def test_any_text_stays_a_value_in_starlark_inside_toml(text: str) -> None:
    literal = starlark(text)
    assert "'" not in literal
    assert "$" not in literal
    # Starlark's escapes are Python's (Starlark specification, String literals).
    assert eval(literal) == text


@pytest.mark.parametrize("text", ["a b", "a\nb", "a;b", "$x", "`x`", '"', "{{x}}", "a#b"])
def test_what_is_not_a_plain_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain word"):
        word(text)
    with pytest.raises(ValueError, match="not a plain word"):
        quoted(text)
    with pytest.raises(ValueError, match="not a plain word"):
        env(text)


@given(TEXT)
def test_a_comment_stays_in_its_line(text: str) -> None:
    made = comment(text)
    assert len(made.splitlines()) <= 1
    assert "{" not in made


def test_a_secret_is_a_reference_that_ansible_fills_in() -> None:
    assert secret("grafana_admin_password") == "{{ provision_secrets.grafana_admin_password }}"
    with pytest.raises(ValueError, match="not the name"):
        secret("x }} {{ y")


def test_a_value_without_a_filter_stops_the_rendering() -> None:
    template = environment().from_string("{{ name }}")
    with pytest.raises(TypeError, match="without a typed filter"):
        template.render(name="x")


def test_an_undefined_value_stops_the_rendering() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nobody | toml }}").render()

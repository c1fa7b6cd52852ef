from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, UndefinedError
from markdown_it import MarkdownIt

from provision.templating import (
    as_json,
    code,
    code_cell,
    comment,
    env,
    environment,
    grafana_yaml,
    markdown,
    noted,
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


MARKDOWN = MarkdownIt("commonmark").enable("table")
LINE = TEXT.filter(lambda text: text.isprintable() and "\x00" not in text)


def shown(source: str) -> list[str]:
    """What a person reads of each cell or paragraph."""
    return [
        "".join(child.content for child in token.children or [] if child.content)
        for token in MARKDOWN.parse(source)
        if token.type == "inline"
    ]


@given(LINE, LINE)
def test_any_text_stays_a_value_in_markdown(text: str, another: str) -> None:
    words, others = " ".join(text.split()), " ".join(another.split())
    assert shown(markdown(text)) == ([words] if words else [])
    table = f"| a | b | c |\n| --- | --- | --- |\n| {markdown(text)} | {code_cell(another)} | x |"
    assert shown(table) == ["a", "b", "c", words, others or " ", "x"]


@given(LINE)
def test_any_text_stays_a_value_in_a_code_span(text: str) -> None:
    words = " ".join(text.split())
    assert shown(f"a {code(text)}") == [f"a {words or ' '}"]


@pytest.mark.parametrize(
    "text", ["# a", "- a", "+ a", "1. a", "12) a", "=", "---", "> a", "&amp;", "<b>", "a_b_", "_a_"]
)
def test_what_looks_like_markdown_is_text(text: str) -> None:
    tokens = MARKDOWN.parse(markdown(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert shown(markdown(text)) == [text]


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


def test_compiled_templates_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = "etc/grafana/provisioning/datasources/provision.yaml.j2"
    name = next(n for n in environment().list_templates() if n.endswith(source))
    environment().get_template(name)
    (kept,) = (tmp_path / "provision" / "jinja").iterdir()

    def compile_again(*_: object, **__: object) -> None:
        raise AssertionError("compiled although it is kept")

    monkeypatch.setattr(Environment, "compile", compile_again)
    assert environment().get_template(name).name == name
    assert kept.read_bytes()


def test_it_is_noted_what_a_template_looks_at() -> None:
    jinja = environment()
    names = noted(jinja)
    text = "{{ a | json }}{% if b %}{% for x in c %}{{ d | json }}{% endfor %}{% endif %}"
    jinja.from_string(text).render(a=1, b=True, c=[], d=2, e=3)
    assert {"a", "b", "c"} <= names
    assert "e" not in names

"""The one Jinja environment: nothing undefined, and no value that has not passed a typed filter.

A filter turns a value into a literal of the target's language, quotes included, so that a name with
a quote, a brace or a newline in it stays a value. What comes out of a filter is a Literal; an
expression in a template that is not one is a mistake in the template, and rendering stops.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Context

from provision import secrets, values
from provision.compiled import Compiled
from provision.paths import TEMPLATES
from provision.secrets import KEY
from provision.values import bracketed, go_duration

_PEM = re.compile(
    r"(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n?)+"
)
_WORD = re.compile(r"[A-Za-z0-9._/:@+=,~\[\]-]*")


class Literal(str):
    """Text in the target's own syntax."""


# json.dumps makes an encoder for each call: most of the time that a host takes to render.
_encoded = json.JSONEncoder(ensure_ascii=False).encode


def toml(value: object) -> Literal:
    """A TOML value: string, boolean, number or list of them (toml.io, v1.0).

    Raises ValueError for a text with `$`, which Telegraf would take for a variable.
    """
    if isinstance(value, bool | int | float):
        return Literal(json.dumps(value))
    if isinstance(value, list | tuple):
        return Literal(f"[{', '.join(toml(item) for item in value)}]")
    text = str(value)
    if "$" in text:
        raise ValueError(f"{text!r} has a $, which Telegraf would take for a variable")
    return Literal(_encoded(text).replace("\x7f", "\\u007f"))


def as_json(value: object) -> Literal:
    """A JSON value; also a YAML one, since YAML 1.2 contains JSON."""
    return Literal(_encoded(value))


def grafana_yaml(value: object) -> Literal:
    """A YAML value in Grafana's provisioning files, where `$` begins a variable and `$$` is one."""
    return Literal(as_json(value).replace("$", "$$"))


def starlark(value: object) -> Literal:
    """A Starlark value, such that it can stand inside TOML's literal ''' strings.

    Source: Starlark's specification, String literals.
    """
    if isinstance(value, Mapping):
        pairs = [f"{starlark(key)}: {starlark(item)}" for key, item in value.items()]
        return Literal(f"{{{', '.join(pairs)}}}")
    if isinstance(value, list | tuple):
        return Literal(f"[{', '.join(starlark(item) for item in value)}]")
    text = _encoded(str(value))
    return Literal(text.replace("'", "\\x27").replace("$", "\\x24").replace("\x7f", "\\x7f"))


def word(value: object) -> Literal:
    """A text that needs no quotes in an INI, apt or environment file (ValueError for another)."""
    text = str(value)
    if not _WORD.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain word")
    return Literal(text)


def quoted(value: object) -> Literal:
    """A plain word in double quotes."""
    return Literal(f'"{word(value)}"')


def comment(value: object) -> Literal:
    """Text that stays inside a comment of one line."""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return Literal(re.sub(r"[^\w .,:()/@<>-]", " ", text).replace("\n", " "))


def secret(name: object) -> Literal:
    """Where a secret goes: ansible.builtin.template fills it in on the way to the host."""
    text = str(name)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        raise ValueError(f"{text!r} is not the name of a secret")
    return Literal(f"{{{{ {KEY}.{text} }}}}")


def wrapped_secret(name: object) -> Literal:
    """Where a secret in base64 goes, in lines as PEM has them (RFC 7468)."""
    return Literal(secret(name).replace(" }}", " | wordwrap(64) }}"))


def pem(text: object) -> Literal:
    """Certificates, as they are; ValueError where anything else is among them."""
    if not _PEM.fullmatch(str(text).strip()):
        raise ValueError("not just certificates in PEM form")
    return Literal(str(text).strip())


def fingerprint(name: object) -> Literal:
    """Where the fingerprint of a secret goes, filled in as the secret is."""
    return Literal(f"{{{{ ({secret(name)[3:-3]} | hash('sha256'))[:8] }}}}")


def env(name: object) -> Literal:
    """A reference to an environment variable, as Telegraf and Grafana both write it."""
    return Literal(f"${{{word(name)}}}")


def markdown(value: object) -> Literal:
    """Text in Markdown, in one line: nothing in it is markup, and no `|` ends a table's cell.

    Source: CommonMark 0.31, Backslash escapes; GitHub Flavored Markdown, Tables.
    """
    text = re.sub(r"([\\`*\[\]<>|&~$])", r"\\\1", " ".join(str(value).split()))
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)
    # What makes a heading, a list or a rule at the beginning of a line.
    return Literal(re.sub(r"^([#+=-]|[0-9]+(?=[.)]))", _escaped, text))


def code(value: object) -> Literal:
    """A code span in Markdown, with as many backticks around it as it takes."""
    text = " ".join(str(value).split()) or " "
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    blank = " " if "`" in (text[0], text[-1]) else ""
    return Literal(f"{ticks}{blank}{text}{blank}{ticks}")


def code_cell(value: object) -> Literal:
    """A code span in a Markdown table, where a `|` in code has a backslash, too."""
    return Literal(code(value).replace("|", "\\|"))


def _escaped(match: re.Match[str]) -> str:
    text = match[0]
    return f"{text}\\" if text.isdigit() else f"\\{text}"


def _only_literals(value: Any) -> Any:
    if isinstance(value, Literal):
        return value
    raise TypeError(f"{value!r} stands in a template without a typed filter")


def _duration(value: object) -> str:
    return go_duration(str(value))


def _bracketed(value: object) -> str:
    return bracketed(str(value))


FILTERS: dict[str, Callable[..., Any]] = {
    "toml": toml,
    "json": as_json,
    "yaml": grafana_yaml,
    "starlark": starlark,
    "word": word,
    "quoted": quoted,
    "comment": comment,
    "secret": secret,
    "wrapped_secret": wrapped_secret,
    "pem": pem,
    "fingerprint": fingerprint,
    "env": env,
    "go_duration": _duration,
    "markdown": markdown,
    "code": code,
    "code_cell": code_cell,
    "bracketed": _bracketed,
}


def _compiled() -> Compiled:
    """Half of the time that a few hosts take is to compile; our filters are evaluated by that."""
    sources = (__file__, values.__file__, secrets.__file__)
    made_by = b"\0".join(Path(source).read_bytes() for source in sources)
    return Compiled("jinja", hashlib.sha256(made_by).hexdigest())


def environment() -> Environment:
    """The environment that all of templates/ is rendered in."""
    jinja = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML; each value passes a filter of the target's language
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_only_literals,
        bytecode_cache=_compiled(),
    )
    jinja.filters.update(FILTERS)
    return jinja


def noted(jinja: Environment) -> set[str]:
    """The names of the values that its templates look at from now on, as they are rendered."""
    names: set[str] = set()

    class Noting(Context):
        def resolve_or_missing(self, key: str) -> Any:
            names.add(key)
            return super().resolve_or_missing(key)

    jinja.context_class = Noting
    return names

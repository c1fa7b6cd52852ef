"""A YAML file as plain values, with the line of every key: what is no plain YAML is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from provision.catalog.subject import KeyPath
from provision.errors import Problem

# The largest catalog anyone wrote by hand is a hundredth of this; more is a mistake or an attack.
MOST_BYTES = 1_000_000
TOO_DEEP = "nested too deeply"
MOST_DEPTH = 20

# libyaml is ten times as fast, and every command reads all catalogs.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING = "tag:yaml.org,2002:str"
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_<>*:-]{1,60}")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a file: the line, the key path, what, a hint.

    rule is the name of the rule that is broken, where it is one of lint.
    """

    line: int | None
    path: KeyPath
    what: str
    hint: str | None = None
    rule: str | None = None

    @property
    def where(self) -> str:
        """The line and the key path, as people write them."""
        line = f"line {self.line}" if self.line else ""
        return ": ".join(part for part in (line, written(self.path)) if part)

    def problem(self, file: Path) -> Problem:
        """This, as it is told of a file."""
        return Problem(str(file), self.where, self.what, self.rule or self.hint)


@dataclass
class Document:
    """What a file says: plain values, and where each key path stands in it.

    readable is false where the file could not be read as one document at all.
    """

    value: Any = None
    readable: bool = False
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: KeyPath) -> int | None:
        """The line of the longest part of a key path that stands in the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read_document(path: Path) -> Document:
    """Read a file; whatever is wrong with it is among the document's faults."""
    document = Document()
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        what = getattr(error, "strerror", None) or str(error)
        document.faults.append(Fault(None, (), what))
        return document
    if len(data) > MOST_BYTES:
        what = f"more than the {MOST_BYTES:,} bytes that a catalog may have"
        document.faults.append(Fault(None, (), what))
        return document
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        document.faults.append(Fault(line, (), "not UTF-8", "save the file as UTF-8"))
        return document
    _read_text(text, document)
    return document


def written(path: KeyPath) -> str:
    """A key path as people write it: metrics[3].type."""
    text = ""
    for part in path:
        if isinstance(part, str) and _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            # What is no plain word may be anything: no line break or escape reaches the screen.
            text += f"[{ascii(part)[:60]}]"
    return text


def _read_text(text: str, document: Document) -> None:
    if strange := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text[: strange.start()].count("\n") + 1
        what = f"not YAML: the character {strange.group()!a}"
        document.faults.append(Fault(line, (), what, "save the file as plain text in UTF-8"))
        return
    try:
        document.faults += _refused(text)
        root = None if document.faults else yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        document.faults.append(_not_yaml(error, text))
        return
    except (yaml.YAMLError, RecursionError) as error:
        document.faults.append(Fault(None, (), f"not YAML: {error}".splitlines()[0]))
        return
    if document.faults:
        return
    if root is None:
        document.faults.append(Fault(None, (), "the file is empty"))
        return
    document.readable = True
    document.lines[()] = root.start_mark.line + 1
    document.value = _Reading(document).plain(root, ())


class _Reading:
    """Turns composed nodes into plain values."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._constructor = yaml.constructor.SafeConstructor()

    def plain(self, node: yaml.Node, path: KeyPath) -> Any:
        """A node as a plain value; what is wrong with it goes to the document's faults."""
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                self._document.lines[(*path, index)] = item.start_mark.line + 1
                items.append(self.plain(item, (*path, index)))
            return items
        if node.tag == _STRING:
            return node.value
        try:
            return self._constructor.construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError) as error:
            line = node.start_mark.line + 1
            what = (str(error).splitlines() or ["not a value"])[0]
            self._document.faults.append(Fault(line, path, what, "quote it if it is a text"))
            return None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                fault = Fault(line, path, "a key must be a plain word", "did you mean a text?")
                self._document.faults.append(fault)
                continue
            key = str(key_node.value)
            place = (*path, key)
            if key in mapping:
                first = self._document.lines[place]
                what = f"the same key again, as in line {first}"
                self._document.faults.append(Fault(line, place, what, "keep one of the two"))
                continue
            self._document.lines[place] = line
            mapping[key] = self.plain(value_node, place)
        return mapping


def _refused(text: str) -> Iterator[Fault]:
    """What YAML can do and a catalog may not: aliases, which can explode, tags, endless nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent):
            yield Fault(line, (), "an alias (*)", "write the value out")
        elif tag := getattr(event, "tag", None):
            name = ascii(tag.replace("tag:yaml.org,2002:", "!!"))[1:-1]
            yield Fault(line, (), f"a tag ({name[:60]})", "leave it out")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            yield Fault(line, (), TOO_DEEP)
            return


def _not_yaml(error: yaml.MarkedYAMLError, text: str) -> Fault:
    """What the parser says, with a hint for what people do most."""
    mark = error.problem_mark or error.context_mark
    what = str(error.problem or error.context)
    hint = None
    line = mark.line + 1 if mark else None
    if "maximum nesting depth" in what:  # libyaml has a bound of its own, and reads ahead
        return Fault(line, (), TOO_DEEP)
    lines = text.splitlines()
    around = lines[max(mark.line - 1, 0) : mark.line + 1] if mark else []
    if any(re.match(r" *\t", each) for each in around):
        hint = "indent with spaces, not with tabs"
    elif "mapping values" in what:
        hint = "a text with a colon in it needs quotes"
    elif "cannot start any token" in what:
        hint = "a text that begins so needs quotes"
    elif "another document" in what:
        hint = "one catalog a file: leave out ---"
    elif error.context:
        hint = str(error.context)
    return Fault(line, (), f"not YAML: {what}", hint)

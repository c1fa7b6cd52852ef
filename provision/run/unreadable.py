"""Why Ansible cannot read an inventory, and what it warns of, as this product tells of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provision.errors import ProvisionError
from provision.inventory import VAULT_REMEDY, VAULTED, remedy


@contextmanager
def told() -> Iterator[None]:
    """What Ansible cannot read, told as this product tells of errors."""
    from ansible import context
    from ansible.errors import AnsibleError

    try:
        yield
    except AnsibleError as error:
        raise _unread(context.CLIARGS.get("inventory") or (), error) from error


@contextmanager
def warnings_if_read() -> Iterator[None]:
    """Hold back what Ansible shows while it reads: where it fails, its cause is told instead.

    It warns of each plugin that did not understand an inventory, in a dozen lines.
    """
    from ansible.errors import AnsibleError
    from ansible.utils.display import Display

    display, held = Display(), list[tuple[tuple[Any, ...], dict[str, Any]]]()
    causes = list[BaseException]()
    display.display = lambda *words, **options: held.append((words, options))
    warn = display.error_as_warning

    def note(msg: Any, exception: BaseException, **options: Any) -> None:
        causes.append(exception)
        warn(msg, exception, **options)

    display.error_as_warning = note
    read = False
    try:
        yield
        read = True
    except AnsibleError as error:
        # Each plugin was tried with the source that failed, the one that is meant for it first.
        if text := next(filter(None, map(_cause, causes)), ""):
            error.add_note(text)
        raise
    finally:
        del display.display, display.error_as_warning
        for (text, *words), options in held:
            if read or display.verbosity:
                display.display(_in_words(text), *words, **options)


def _cause(failure: BaseException) -> str:
    """Why a script or a plugin has no hosts to tell of; empty for what is no such thing."""
    from ansible.errors import AnsibleError

    # Of a file without that key, another plugin knows what is wrong with it.
    if not isinstance(failure, AnsibleError) or "no root 'plugin' key found" in str(failure):
        return ""
    said = [_KIND.sub(_kind, " ".join(str(failure).split()).rstrip("."))]
    # What a script wrote to its standard error, of which the end tells most.
    said += str(getattr(failure, "_help_text", None) or "").strip().splitlines()[1:][-1:]
    return ": ".join(said)


# What stands for a value's kind in what Ansible says, in quotes or without.
_KIND = re.compile(r"""(?:\ba )?["']?<class '[\w.]*?(?:_AnsibleTagged)?(\w+)'>["']?""")
_KINDS = {
    "List": "a list",
    "list": "a list",
    "Str": "a text",
    "str": "a text",
    "NoneType": "nothing",
}


def _kind(match: re.Match[str]) -> str:
    return _KINDS.get(match[1], match[1])


def _in_words(warning: str) -> str:
    """What Ansible warns of, with kinds of values as people call them, and what to do."""
    text = _KIND.sub(_kind, warning)
    skipped = re.search(r"Skipping key \(([\w-]+)\) in group \(([\w-]+)\)", text)
    if not skipped:
        return text
    key, group = skipped.groups()
    return f"{text.rstrip()} (variables of {group} stand under its vars: {{{key}: ...}})\n"


@contextmanager
def mismatch_told() -> Iterator[None]:
    """Have Ansible warn of what a limit names and the inventory has not.

    Our ansible.cfg says not to, for groups that a run has only where there is need of them.
    """
    from ansible import constants

    said = constants.HOST_PATTERN_MISMATCH
    if said == "ignore":
        constants.HOST_PATTERN_MISMATCH = "warning"
    try:
        yield
    finally:
        constants.HOST_PATTERN_MISMATCH = said


def _unread(sources: Sequence[str], error: Exception) -> ProvisionError:
    """Why an inventory is not read: its cause, which Ansible only warns of, where there is one."""
    import yaml
    from ansible.errors import AnsibleError
    from ansible.parsing.dataloader import DataLoader
    from ansible.parsing.vault import AnsibleVaultError
    from ansible.utils.vars import load_extra_vars

    try:
        load_extra_vars(DataLoader())
    except AnsibleVaultError:
        pass  # without the vault's password, which is another matter
    except AnsibleError as cause:
        said = " ".join(str(cause).split("\n\n")[0].split())
        return ProvisionError(f"-e: {said}", remedy="mend what follows it (--extra-vars)")
    if "vault secrets" in str(error):  # which is all that is left of an AnsibleVaultError by then
        # Which file it was is not said.
        files = ", ".join(map(str, _vaulted(sources))) or ", ".join(sources)
        return ProvisionError(f"{files}: {error}", remedy=VAULT_REMEDY)
    for path in paths(sources):
        if path.suffix not in {".yml", ".yaml", ".json"} or not path.is_file():
            continue
        try:
            yaml.compose(path.read_text("utf-8"))
        except OSError as cause:
            return ProvisionError(f"{path}: {cause.strerror}", remedy=remedy(path))
        except yaml.MarkedYAMLError as cause:
            line = f"line {cause.problem_mark.line + 1}: " if cause.problem_mark else ""
            return ProvisionError(f"{path}: {line}{cause.problem}", remedy="mend the file")
        except ValueError as cause:
            return ProvisionError(f"{path}: {cause}", remedy="write it in UTF-8")
    # Of another file: variables of a host or a group.
    for each in (error, error.__cause__ or error.__context__):
        origin = getattr(each, "obj", None)
        if (file := getattr(origin, "path", None)) and (at := getattr(origin, "line_num", None)):
            what = str(error).removeprefix("YAML parsing failed: ")
            return ProvisionError(f"{file}: line {at}: {what}", remedy="mend the file")
    causes = getattr(error, "__notes__", ())
    for each in causes:
        if "requires a dictionary" in each or "should be a dictionary" in each:
            source = str(error).removeprefix("Completely failed to parse inventory source ")
            return ProvisionError(
                f"{source}: {each}",
                remedy="groups, hosts and variables are keys, each with a colon behind it",
            )
    more = " ".join(f"-i {source}" for source in sources)
    return ProvisionError(
        ": ".join([str(error), *causes]),
        remedy=f"see what ansible-inventory {more} --list -vvv says" if causes else None,
    )


def _vaulted(sources: Sequence[str]) -> list[Path]:
    """The inventory's own files, and those of variables beside them, that are vaulted as wholes."""
    directory = directory_of(sources)
    beside = [*directory.glob("group_vars/**/*"), *directory.glob("host_vars/**/*")]
    found = [path for path in (*paths(sources), *sorted(beside)) if path.is_file()]
    return [path for path in found if path.read_bytes().startswith(VAULTED)]


def paths(sources: Sequence[str]) -> list[Path]:
    """The files and directories among an inventory's sources; a list of hosts has commas."""
    return [Path(source) for source in sources if "," not in source]


def directory_of(sources: Sequence[str]) -> Path:
    """The directory that the first of an inventory's sources is in, or this one."""
    for path in paths(sources):
        if path.exists():
            return path.absolute().parent  # of a directory too: Ansible reads all that is in it
    return Path.cwd()

"""What AnsibleModule does for the modules of this project, without the forty files it is made of.

It takes the place of `ansible.module_utils.basic` on the host (see comparing.hosted). To arguments
it does what the real one does, as far as these modules ask for it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable, Dict, List, Optional

#: Begins the line with the answer, whatever a login shell has said before it.
MARK = "@@ provision module @@"
#: The arguments, and whether nothing shall be changed: set by whoever starts the module.
GIVEN: Dict[str, Any] = {"arguments": {}, "check": False}
_WORDS = {"yes": True, "true": True, "on": True, "1": True, "y": True, "t": True}
_WORDS.update({"no": False, "false": False, "off": False, "0": False, "n": False, "f": False})
_HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


class AnsibleModule:
    """The arguments that a module was given, by its specification; it ends with an answer."""

    def __init__(
        self, argument_spec: Dict[str, Dict[str, Any]], supports_check_mode: bool = False
    ) -> None:
        """Take the arguments that were given; the module fails where one of them will not do."""
        self.check_mode = bool(GIVEN["check"])
        self.params: Dict[str, Any] = {}
        self._warnings: List[str] = []
        self._hidden: List[str] = []
        try:
            self.params = arguments(GIVEN["arguments"], argument_spec, self._hidden)
        except (TypeError, ValueError) as error:
            self.fail_json(msg="Its arguments will not do: %s." % error)
        if self.check_mode and not supports_check_mode:
            self.exit_json(skipped=True)

    def warn(self, warning: str) -> None:
        """Have something told beside the answer."""
        self._warnings.append(warning)

    def exit_json(self, **answer: Any) -> None:
        """End with an answer."""
        self._end(answer, 0)

    def fail_json(self, msg: str, **answer: Any) -> None:
        """End with an answer that says what is wrong."""
        self._end(dict(answer, failed=True, msg=msg), 1)

    def _end(self, answer: Dict[str, Any], status: int) -> None:
        if self._warnings:
            answer["warnings"] = self._warnings
        answer.setdefault("changed", False)
        say(_without(answer, self._hidden))
        sys.exit(status)


def say(answer: Dict[str, Any]) -> None:
    """Print an answer, as who started the module reads it."""
    sys.stdout.write(MARK + json.dumps(answer) + "\n")
    sys.stdout.flush()


def arguments(
    given: Dict[str, Any], specification: Dict[str, Dict[str, Any]], hidden: List[str]
) -> Dict[str, Any]:
    """Arguments as their specification has them; the texts of secret ones are added to hidden.

    ValueError or TypeError where one will not do.
    """
    unknown = sorted(set(given) - set(specification))
    if unknown:
        raise ValueError("there is no %s" % ", ".join(unknown))
    found = {}
    for name, spec in specification.items():
        try:
            found[name] = _argument(given.get(name), spec, hidden)
        except (TypeError, ValueError) as error:
            raise ValueError("%s: %s" % (name, error)) from None
        if spec.get("no_log"):
            hidden += _texts(found[name])
    return found


def _argument(given: Any, spec: Dict[str, Any], hidden: List[str]) -> Any:
    if given is None:
        given = spec.get("default")
    if given is None:
        if spec.get("required"):
            raise ValueError("it is missing")
        return None
    value = _KINDS[spec.get("type", "str")](given)
    if spec.get("elements"):
        value = [_KINDS[spec["elements"]](each) for each in value]
    options = spec.get("options")
    if options and isinstance(value, list):
        value = [arguments(each, options, hidden) for each in value]
    elif options:
        value = arguments(value, options, hidden)
    if spec.get("choices") and value not in spec["choices"]:
        raise ValueError("%r is none of %s" % (value, ", ".join(map(str, spec["choices"]))))
    return value


def _boolean(given: Any) -> bool:
    found: Optional[bool] = _WORDS.get(str(given).strip().lower())
    if found is None:
        raise ValueError("%r is neither true nor false" % (given,))
    return found


def _list(given: Any) -> List[Any]:
    if isinstance(given, str):
        return given.split(",")
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _path(given: Any) -> str:
    return os.path.expandvars(os.path.expanduser(str(given)))


_KINDS: Dict[str, Callable[[Any], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": _boolean,
    "list": _list,
    "dict": dict,
    "path": _path,
}


def _texts(value: Any) -> List[str]:
    """All texts that are in a value, but for those that say nothing."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, (list, tuple)):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) and value else []


def _without(value: Any, hidden: List[str]) -> Any:
    """The same value without what was given as a secret."""
    if isinstance(value, dict):
        return {key: _without(each, hidden) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(each, hidden) for each in value]
    if not isinstance(value, str):
        return value
    if value in hidden:
        return _HIDDEN
    for text in sorted(hidden, key=len, reverse=True):
        value = value.replace(text, "********")
    return value

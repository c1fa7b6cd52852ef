"""Secrets filled into a rendered file, without Jinja where that gives the same.

Ansible compiles a template for each file of each host, a quarter of what its process for a host
takes for itself (profiled). Nearly all files have secrets in two forms alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from ansible.template import trust_as_template

#: The forms that provision.templating writes: a secret, and the fingerprint of one.
_FORMS = re.compile(
    r"(?<!\{)\{\{ provision_secrets\.(?P<secret>\w+) \}\}"
    r"|(?<!\{)\{\{ \(provision_secrets\.(?P<printed>\w+) \| hash\('sha256'\)\)\[:8\] \}\}"
)
#: What Jinja would take for its own, and ends of lines that Ansible makes others of.
_MORE = re.compile(r"\{[{%#]|\r|\n\n\Z")


def filled(text: str, secrets: Mapping[str, str]) -> str | None:
    """The text with its secrets, None where there is more in it than those two forms."""
    lines = any("\n" in value or not value for value in secrets.values())
    if lines or _MORE.search(_FORMS.sub("-", text)):
        return None
    return _FORMS.sub(lambda match: _value(match, secrets), text)


def _value(match: re.Match[str], secrets: Mapping[str, str]) -> str:
    if match["secret"]:
        return secrets[match["secret"]]
    return hashlib.sha256(secrets[match["printed"]].encode("utf-8")).hexdigest()[:8]


def filled_by_ansible(text: str, secrets: Mapping[str, str], templar: Any) -> str:
    """The text as ansible.builtin.template would fill it in, with nothing but the secrets."""
    templar = templar.copy_with_new_env(available_variables={"provision_secrets": dict(secrets)})
    made = templar.template(
        trust_as_template(text), escape_backslashes=False, overrides={"trim_blocks": True}
    )
    return "" if made is None else str(made)

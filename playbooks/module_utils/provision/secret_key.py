"""The key with which a Grafana that is there has encrypted what people keep in it.

With another it could not read their data sources' passwords and contact points any more. So the
key of a Grafana that has a database is taken into the secrets file, whoever configured it.

Source: Grafana documentation, Configure database encryption; its conf/defaults.ini.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any, Dict, List, Mapping, Optional

from ansible.module_utils.provision import environment_file
from ansible.module_utils.provision.http import ServiceError

#: What the difference is called that the secrets file has another key.
NAME = "secret key"
_DEFAULTS = "/usr/share/grafana/conf/defaults.ini"
#: Where what people keep is, encrypted.
DATABASE = "/var/lib/grafana/grafana.db"
#: What the secrets file can have, and stands for nothing else in Grafana's configuration.
_PLAIN = re.compile(r"[A-Za-z0-9._~+/=:@-]+")


def difference(entry: Mapping[str, Any], secrets: Mapping[str, str]) -> List[Dict[str, str]]:
    """That a Grafana has another key than the secrets file, in the form of converge."""
    key = _other(entry, secrets)
    if key is None:
        return []
    found = {
        "name": NAME,
        "action": "keep",
        "why": "what people have in Grafana is encrypted with it: it goes into the secrets file",
    }
    if key == _setting(_DEFAULTS):
        found["warning"] = (
            "Grafana's secret key is the one that every Grafana has by default: whoever reads its"
            " database reads the passwords in it"
        )
    return [found]


def taken(entry: Mapping[str, Any], secrets: Mapping[str, str]) -> Dict[str, str]:
    """The key that is in use, by the name of its secret, where the secrets file has another.

    Raises ServiceError for one that the secrets file cannot have.
    """
    key = _other(entry, secrets)
    if key is None:
        return {}
    if not _PLAIN.fullmatch(key):
        raise ServiceError(
            "Grafana's secret key (secret_key) has characters that the secrets file cannot hold.",
            "let Grafana have another one as its documentation has it (Configure database"
            " encryption), or remove %s from the host to give up what is encrypted with it"
            % entry["configuration"],
        )
    return {entry["key"]: key}


def _other(entry: Mapping[str, Any], secrets: Mapping[str, str]) -> Optional[str]:
    """The key that is in use, where it is not that of the secrets file."""
    key = _in_use(entry)
    return None if key == secrets.get(entry["key"]) else key


def _in_use(entry: Mapping[str, Any]) -> Optional[str]:
    """The key of the service's environment, its configuration or its defaults; None if of none.

    Where only the defaults have one, it counts if the service runs with it: a package that was just
    installed says nothing of a database that was left.
    """
    if not os.path.exists(DATABASE):
        return None
    key = environment_file.value(entry["environment"], "GF_SECURITY_SECRET_KEY")
    key = key or _setting(entry["configuration"])
    return key or (_setting(_DEFAULTS) if _runs() else None)


def _runs() -> bool:
    command = ["systemctl", "is-active", "--quiet", "grafana-server"]
    return subprocess.run(command, check=False).returncode == 0


def _setting(path: str) -> Optional[str]:
    import configparser  # a run that changes nothing does without

    reader = configparser.RawConfigParser(strict=False, comment_prefixes=("#", ";"))
    try:
        # What comes before the first section is of none.
        reader.read_string("[top]\n" + "\n".join(environment_file.lines(path)))
    except configparser.Error:
        return None
    return reader.get("security", "secret_key", fallback="").strip("\"'`") or None

"""What Ansible loads in every run, loaded before it is known which one it is.

By the profile of a run on three hosts that are as they should be, a quarter of its time were YAML
that never changes (where ansible.builtin's plugins moved to, the documentation of plugins) and the
project's own plugins.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from provision.paths import PLAYBOOKS, cache

# By the kind of a plugin: those that each run of ours uses (playbooks/site.yml).
_PLUGINS = {
    "inventory": ("host_list", "script", "auto", "yaml", "ini", "toml"),
    "callback": ("default", "events"),
    "strategy": ("free", "linear"),
    "connection": ("ssh",),
    "shell": ("sh",),
    "become": ("sudo",),
    "action": ("compare",),
}


# Of these kinds Ansible loads all plugins in each run (ansible/executor/playbook_executor.py).
_ALL = ("connection", "shell", "become")


class Remembering:
    """Gives what is in a collection's runtime.yml; keeps what Ansible made of it, by its hash."""

    def __init__(self, read: Callable[[bytes | str, Any], Any]) -> None:
        """Read is Ansible's own."""
        self._read = read

    def __call__(self, text: bytes | str, content_id: Any) -> Any:
        """What Ansible makes of a text. Where nothing can be kept, it is read each time."""
        content = text.encode() if isinstance(text, str) else text
        kept = cache() / "ansible" / f"runtime-{hashlib.sha256(content).hexdigest()[:32]}.json"
        with contextlib.suppress(OSError, ValueError):
            there = json.loads(kept.read_bytes())
            if isinstance(there, dict):
                return there
        made = self._read(text, content_id)
        with contextlib.suppress(OSError, TypeError):
            _keep(kept, json.dumps(made).encode())
        return made


def remember_routes() -> None:
    """Put it in the place of what Ansible reads runtime.yml with.

    That is Ansible's hook for it (`_meta_yml_to_dict` in ansible/utils/collection_loader): other
    tools may put another implementation there, it says, as its test tool does.
    """
    from ansible.utils.collection_loader import _collection_finder

    if not isinstance(_collection_finder._meta_yml_to_dict, Remembering):
        _collection_finder._meta_yml_to_dict = Remembering(_collection_finder._meta_yml_to_dict)


def find_plugins(collections: Sequence[str] = ()) -> None:
    """Let Ansible find plugins by their full names, as a cloud's inventory names its own.

    ansible-playbook does this as it begins to run (ansible.cli.CLI.run), once in a process.
    """
    from ansible.plugins.loader import init_plugin_loader
    from ansible.utils.collection_loader import AnsibleCollectionConfig

    if AnsibleCollectionConfig.collection_finder is None:
        remember_routes()
        init_plugin_loader(list(collections))
        if kept := _definitions():
            _know(kept)


def load_plugins() -> None:
    """Load the plugins of our playbooks. What cannot be loaded is told by the run that needs it."""
    from ansible.plugins import loader

    with contextlib.suppress(Exception):
        find_plugins()
        # It is called once more by ansible-playbook, and would say that it has been called.
        warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
        loader.add_all_plugin_dirs(str(PLAYBOOKS))
        for kind, names in _PLUGINS.items():
            for name in names:
                getattr(loader, f"{kind}_loader").get(name, class_only=True)
        for kind in _ALL:
            list(getattr(loader, f"{kind}_loader").all(class_only=True))
        if (kept := _definitions()) and not kept.exists():
            _keep(kept, pickle.dumps(_documented()))


def _definitions() -> Path | None:
    """Where it is kept what can be set of Ansible's own plugins: it reads their documentation.

    None where there may be others of their names.
    """
    from ansible.plugins import loader
    from ansible.release import __version__

    for kind in _PLUGINS:
        if any(map(os.path.isdir, getattr(loader, f"{kind}_loader").config)):
            return None
    where = hashlib.sha256(loader.__file__.encode()).hexdigest()[:16]
    return cache() / "ansible" / f"definitions-{__version__}-{where}.pickle"


def _documented() -> list[tuple[str, str, Any]]:
    """Kind, name and settings of the plugins that were loaded and are Ansible's own."""
    from ansible import constants, plugins

    return [
        (kind, name, settings)
        for kind in sorted(_PLUGINS)
        for name, settings in constants.config.get_configuration_definitions(kind).items()
        if Path(plugins.__path__[0], kind, f"{name}.py").is_file()
    ]


def _know(kept: Path) -> None:
    """Tell Ansible what is kept, if there is anything."""
    from ansible import constants

    with contextlib.suppress(OSError):
        try:
            there = pickle.loads(kept.read_bytes())  # noqa: S301 - what this user has put there
            for kind, name, settings in there:
                constants.config.initialize_plugin_configuration_definitions(kind, name, settings)
        except Exception:  # it was cut short, if it is there at all
            kept.unlink()


def _keep(path: Path, content: bytes) -> None:
    """Write what is kept, as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)

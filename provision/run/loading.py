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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    "action": ("look", "compare"),
}


# Of these kinds Ansible loads all plugins in each run (ansible/executor/playbook_executor.py).
_ALL = ("connection", "shell", "become", "callback")


# What an environment of Jinja's may have otherwise than another one, of what a text is read by.
_SYNTAX = (
    *("block_start_string", "block_end_string", "variable_start_string", "variable_end_string"),
    *("comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix"),
    *("trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline"),
)


def remembered(name: str, content: bytes, make: Callable[[], Any]) -> Any:
    """What is made of a file's content, which is kept by its hash.

    Where nothing can be kept, it is made each time.
    """
    kept = cache() / "ansible" / f"{name}-{hashlib.sha256(content).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError):
        there = json.loads(kept.read_bytes())
        if isinstance(there, dict):
            return there
    made = make()
    with contextlib.suppress(OSError, TypeError):
        text = json.dumps(made)
        if json.loads(text) == made:
            _keep(kept, text.encode())
    return made


def remember_routes() -> None:
    """Put it in the place of what Ansible reads runtime.yml with.

    That is Ansible's hook for it (`_meta_yml_to_dict` in ansible/utils/collection_loader): other
    tools may put another implementation there, it says, as its test tool does.
    """
    from ansible.utils.collection_loader import _collection_finder

    read = _collection_finder._meta_yml_to_dict
    if getattr(read, "remembers", False):
        return

    def reading(text: bytes | str, content_id: Any) -> Any:
        content = text.encode() if isinstance(text, str) else text
        return remembered("runtime", content, lambda: read(text, content_id))

    reading.remembers = True  # type: ignore[attr-defined]
    _collection_finder._meta_yml_to_dict = reading


def remember_settings() -> None:
    """Put it in the place of what Ansible reads its own settings' definitions with, as it begins.

    It is not public how it reads them (ansible/config/base.yml, 2,000 lines); where it does
    otherwise, it reads them as ever.
    """
    with contextlib.suppress(ImportError, AttributeError):
        from ansible.config.manager import ConfigManager

        read = ConfigManager._read_config_yaml_file

        def reading(manager: Any, path: Any) -> Any:
            content = Path(os.fsdecode(path)).read_bytes()
            return remembered("settings", content, lambda: read(manager, path))

        ConfigManager._read_config_yaml_file = reading


def pace() -> None:
    """Let Ansible look less often at its hosts in a play of many of them.

    It is not public where it begins a play, and who is in it; where it does otherwise, it looks as
    often as ever.
    """
    with contextlib.suppress(ImportError, AttributeError):
        from ansible import constants
        from ansible.executor.task_queue_manager import TaskQueueManager

        run, given = TaskQueueManager.run, constants.DEFAULT_INTERNAL_POLL_INTERVAL

        def running(manager: Any, play: Any) -> Any:
            hosts = len(getattr(manager._inventory, "_restriction", None) or ())
            constants.DEFAULT_INTERNAL_POLL_INTERVAL = poll_interval(given, hosts)
            return run(manager, play)

        TaskQueueManager.run = running


def poll_interval(given: float, hosts: int) -> float:
    """For how many seconds Ansible waits between two looks at how far the hosts of a play are.

    In each (strategy free) it looks for the next task of all of them, which takes 60 us of a fast
    core for each. By default (given, internal_poll_interval) it does so a thousand times a second,
    and takes half a core from fifty hosts that are at work. A task of a host takes two such looks.
    """
    return max(given, min(hosts * 0.0003, 0.05))


def remember_templates() -> None:
    """Keep how Jinja compiles the templates of our playbooks: each process does that anew.

    Ansible makes a process for each task on each host, and compiles what is in the task in it (1 ms
    for each template). Those of an inventory are not kept, as there may be any number. It is not
    public where Ansible compiles; where it does otherwise, it compiles as ever.
    """
    with contextlib.suppress(ImportError, AttributeError):
        from ansible._internal._datatag._tags import Origin
        from ansible._internal._templating._jinja_bits import AnsibleEnvironment
        from ansible.release import __version__

        from provision.compiled import Compiled

        compiles = AnsibleEnvironment.compile
        if getattr(compiles, "remembers", False):
            return
        kept = Compiled("ansible/templates", __version__)

        def compiling(environment: Any, source: Any, *more: Any, **named: Any) -> Any:
            """What AnsibleEnvironment.compile gives, of a text of ours as it was kept."""
            origin = isinstance(source, str) and Origin.get_tag(source)
            ours = origin and str(origin.path).startswith(f"{PLAYBOOKS}{os.sep}")
            # Ansible's way to debug them needs what it compiles; and what a backslash means depends
            # on where a template is used.
            debugged = getattr(environment, "_debuggable_template_source", False)
            if more or named or debugged or not ours or "\\" in source:
                return compiles(environment, source, *more, **named)
            syntax = repr([getattr(environment, name, None) for name in _SYNTAX])
            bucket = kept.get_bucket(environment, f"{syntax} {source}", None, str(source))
            if bucket.code is None:
                bucket.code = compiles(environment, source)
                kept.set_bucket(bucket)
            return bucket.code

        compiling.remembers = True  # type: ignore[attr-defined]
        AnsibleEnvironment.compile = compiling


def find_plugins(collections: Sequence[str] = ()) -> None:
    """Let Ansible find plugins by their full names, as a cloud's inventory names its own.

    ansible-playbook does this as it begins to run (ansible.cli.CLI.run), once in a process.
    """
    from ansible.plugins.loader import init_plugin_loader
    from ansible.utils.collection_loader import AnsibleCollectionConfig

    if AnsibleCollectionConfig.collection_finder is None:
        remember_routes()
        init_plugin_loader(list(collections))
        _know(["inventory"])


def load_plugins() -> Iterator[None]:
    """Load the plugins of our playbooks, step by step.

    What cannot be loaded is told by the run that needs it.
    """
    from ansible.plugins import loader

    with contextlib.suppress(Exception):
        find_plugins()
        # It is called once more by ansible-playbook, and would say that it has been called.
        warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
        loader.add_all_plugin_dirs(str(PLAYBOOKS))
        remember_templates()
        _know(kind for kind in _PLUGINS if kind != "inventory")
        for kind, names in _PLUGINS.items():
            for name in names:
                yield
                getattr(loader, f"{kind}_loader").get(name, class_only=True)
        for kind in _ALL:
            yield
            list(getattr(loader, f"{kind}_loader").all(class_only=True))
        for kind in _PLUGINS:
            if (kept := _definitions(kind)) and not kept.exists():
                _keep(kept, pickle.dumps(_documented(kind)))


def _definitions(kind: str) -> Path | None:
    """Where it is kept what can be set of Ansible's own plugins: it reads their documentation.

    None where there may be others of their names.
    """
    from ansible.plugins import loader
    from ansible.release import __version__

    for each in _PLUGINS:
        # Ours, which ansible.cfg beside the playbooks names, have names of their own.
        there = filter(os.path.isdir, getattr(loader, f"{each}_loader").config)
        if any(not Path(directory).is_relative_to(PLAYBOOKS) for directory in there):
            return None
    where = hashlib.sha256(loader.__file__.encode()).hexdigest()[:16]
    return cache() / "ansible" / f"definitions-{__version__}-{where}-{kind}.pickle"


def _documented(kind: str) -> dict[str, Any]:
    """The settings, by name, of the plugins that were loaded and are Ansible's own."""
    from ansible import constants, plugins

    return {
        str(name): _light(settings)
        for name, settings in constants.config.get_configuration_definitions(kind).items()
        if Path(plugins.__path__[0], kind, f"{name}.py").is_file()
    }


def _light(value: Any) -> Any:
    """A value that Ansible has read, without its notes of the line that each word is from.

    They are what takes long to load. Which words are templates stays noted.
    """
    from ansible._internal._datatag._tags import TrustedAsTemplate
    from ansible.module_utils._internal._datatag import AnsibleTagHelper

    if isinstance(value, Mapping):
        return {_light(key): _light(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_light(item) for item in value]
    native = AnsibleTagHelper.as_native_type(value)
    template = isinstance(native, str) and "{" in native and TrustedAsTemplate.is_tagged_on(value)
    return TrustedAsTemplate().tag(native) if template else native


def _know(kinds: Iterable[str]) -> None:
    """Tell Ansible what is kept of these kinds, if there is anything."""
    from ansible import constants

    for kind in kinds:
        kept = _definitions(kind)
        if kept is None:
            return
        with contextlib.suppress(OSError):
            try:
                there = pickle.loads(kept.read_bytes())  # noqa: S301 - what this user has put there
                for name, settings in there.items():
                    constants.config.initialize_plugin_configuration_definitions(
                        kind, name, settings
                    )
            except Exception:  # it was cut short, if it is there at all
                kept.unlink()


def _keep(path: Path, content: bytes) -> None:
    """Write what is kept, as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)

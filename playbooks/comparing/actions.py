"""What the action plugins of this project have in common."""

from __future__ import annotations

import getpass
import importlib.metadata
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import is_encrypted
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from comparing import ending, filling, hosted, secrets_file
from comparing.manifest import Manifest, ManifestError, load

#: The group of hosts on which this run had secrets made (the secrets are never in a variable).
MADE_SECRETS = "provision_made_secrets"
#: The hosts that may still use what is stale: it is revoked once they work with what is new.
OWNERS = "provision_owners"


class Refusal(AnsibleActionFail):  # type: ignore[misc]
    """A failure that an operator can do something about; the result has problem and remedy."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        message = f"{problem} Remedy: {remedy}." if remedy else problem
        super().__init__(message, result=failure(problem, remedy))


@cache
def author() -> dict[str, str]:
    """Who changes a host, and with which version of provision, for the record that it keeps."""
    try:
        version = importlib.metadata.version("provision")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = "unknown"
    return {"by": f"{user}@{socket.gethostname()}", "version": version}


def failure(problem: str, remedy: str) -> dict[str, Any]:
    """The result of a task that fails with problem; remedy is a sentence without its full stop."""
    message = f"{problem} Remedy: {remedy}." if remedy else problem
    return {"failed": True, "msg": message, "problem": problem, "remedy": remedy}


class Secrets(Mapping[str, str]):
    """The secrets of a site by name; each is evaluated when it is asked for.

    A site has some of each of its hosts, and a host asks for its own: to evaluate all on every
    host would take a fleet's time by the square of its size.
    """

    def __init__(
        self, given: Any, evaluate: Callable[[Any], Any], made: Mapping[str, str] | None = None
    ) -> None:
        """Given are values that may be templates or encrypted; made take their place."""
        self._given = given if isinstance(given, Mapping) else evaluate(given) or {}
        self._evaluate = evaluate
        self._made = {str(name): str(value) for name, value in (made or {}).items()}
        self._known = dict(self._made)

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            self._known[name] = str(self._evaluate(self._given[name]))
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter({str(name) for name in self._given} | set(self._known))

    def __len__(self) -> int:
        return len(set(self._given) | set(self._known))

    def made_anew(self, name: str) -> bool:
        """Whether this run has another one than it was given."""
        if name not in self._made:
            return False
        return name not in self._given or self._made[name] != str(self._evaluate(self._given[name]))


class ProvisionAction(ActionBase):  # type: ignore[misc]
    """An action plugin that knows the rendered tree and the secrets, and ends with Ansible."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin the task; what it did is added to the result."""
        ending.end_with_ansible()
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result

    def manifest(self, task_vars: Mapping[str, Any]) -> Manifest:
        """The manifest of the host of this task."""
        return self.manifest_of(task_vars["inventory_hostname"], task_vars)

    def manifest_of(self, host: str, task_vars: Mapping[str, Any]) -> Manifest:
        """The manifest of a host. Refuses if nothing is rendered for it."""
        tree = self._templar.template(task_vars.get("provision_tree"))
        if not tree:
            raise Refusal(
                "It is not said where the rendered tree is.", "give it with -e provision_tree=…"
            )
        try:
            return load(Path(str(tree)).expanduser(), str(host))
        except ManifestError as error:
            raise Refusal(error.message, error.remedy) from None

    def shell(self, text: str, *, told_whole: bool = False) -> dict[str, Any]:
        """Run a script on the host, sent over its standard input; rc, stdout and stderr.

        Ansible has a shell around it that waits a moment, as ssh could lose the end of what is said
        (ansible/ansible issue 13876). Where it is told_whole, a loss would be seen, and two
        programs fewer are started.
        """
        around = {"executable": False} if told_whole else {}
        done: dict[str, Any] = self._low_level_execute_command(
            "/bin/sh", in_data=text.encode("utf-8"), **around
        )
        return done

    def module(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What a module of ours answers that runs in the host's Python alone (comparing.hosted)."""
        program = hosted.program(name, arguments, check=self._task.check_mode)
        command = f"{self._compute_environment_string()} {hosted.PYTHON}".strip()
        # With a shell around it: ssh says of a program that was killed only that ssh failed.
        done = self._low_level_execute_command(command, in_data=program.encode("utf-8"))
        return self.said(done["rc"], done["stdout"], done["stderr"])

    def said(self, status: int, stdout: str, stderr: str) -> dict[str, Any]:
        """What a module of ours has answered, of all that was printed; its warnings are shown."""
        said = hosted.answer(stdout)
        if said is None:
            # As Ansible says it, which provision.run.remedies knows.
            said = {
                "failed": True,
                "msg": "Module result deserialization failed: No start of json char found.",
                "module_stdout": stdout,
                "module_stderr": stderr,
                "rc": status,
            }
        for warning in said.pop("warnings", ()):
            self._display.warning(warning)
        return said

    def on_host(self, name: str, variables: dict[str, Any]) -> Any:
        """An action of ours for another host of the play, with that host's variables."""
        return self._shared_loader_obj.action_loader.get(
            name,
            task=self._task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=Templar(loader=self._loader, variables=variables),
            shared_loader_obj=self._shared_loader_obj,
        )

    def join(
        self, groups: Iterable[str], result: dict[str, Any], task_vars: Mapping[str, Any]
    ) -> None:
        """Put the task's host into groups, for the plays that follow, as add_host does it.

        A task of its own would cost every host that has no work.
        """
        if hasattr(self, "add_group"):  # ansible-core 2.21 and later
            for group in groups:
                self.add_group(group, parent_group_names=["all"])
        else:
            name = task_vars["inventory_hostname"]
            result["add_host"] = {"host_name": name, "groups": list(groups), "host_vars": {}}

    @staticmethod
    def plays(compared: Mapping[str, Any]) -> set[str]:
        """The groups by which it is known which plays there is work for, of a comparison."""
        turns = ["provision_turns_to_tls"] if compared["turns_to_tls"] else []
        return {*(f"provision_has_{role}" for role in compared["roles"]), *turns}

    @staticmethod
    def comparison(task_vars: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was compared on a host with these variables, by itself or with all others."""
        compared = task_vars.get("comparison")
        if isinstance(compared, Mapping):  # else it is the playbook's name for what follows
            return compared
        differing = (task_vars.get("looked") or {}).get("differing") or {}
        found: Mapping[str, Any] = differing.get(task_vars["inventory_hostname"]) or {}
        return found

    def operator(self, task_vars: Mapping[str, Any]) -> dict[str, Any] | None:
        """Whose run this is, as the comparison said; None where nothing was compared."""
        wanted = self.comparison(task_vars).get("wanted") or {}
        if not wanted:
            return None
        texts = {str(name): str(value) for name, value in wanted["operator"].items()}
        return {**texts, "over": [str(run) for run in wanted["operator"]["over"]]}

    def secrets(self, task_vars: Mapping[str, Any]) -> Secrets:
        """The secrets by name, those included that this run had made and written to the file."""
        made = {}
        if (task_vars.get("groups") or {}).get(MADE_SECRETS):
            made = secrets_file.read(self.secrets_path(task_vars), self._loader)
        return Secrets(task_vars.get("provision_secrets") or {}, self._templar.template, made)

    def renewed(self, task_vars: Mapping[str, Any]) -> list[str]:
        """The names of secrets that this run is yet to make anew (provision_renew, by commas)."""
        given = str(self._templar.template(task_vars.get("provision_renew") or ""))
        names = [name for name in given.split(",") if name]
        if not names:
            return []
        secrets = self.secrets(task_vars)
        return [name for name in names if not secrets.made_anew(name)]

    def secrets_path(self, task_vars: Mapping[str, Any]) -> Path:
        """The file that keeps the secrets."""
        path = self._templar.template(task_vars.get("provision_secrets_file"))
        if not path:
            raise Refusal(
                "There are new secrets, and it is not said where to keep them.",
                "give the secrets file with -e provision_secrets_file=…",
            )
        return Path(str(path)).expanduser()

    def read(self, path: Path) -> bytes:
        """What is in a file of the controller, decrypted if it is vaulted."""
        content = path.read_bytes()
        if not is_encrypted(content):
            return content
        decrypted: bytes = self._loader._vault.decrypt(content)
        return decrypted

    def fill(self, text: str, secrets: Mapping[str, str]) -> str:
        """Fill in a secret file as ansible.builtin.template would, with nothing but the secrets."""
        quickly = filling.filled(text, secrets)
        if quickly is not None:
            return quickly
        return filling.filled_by_ansible(text, secrets, self._templar)

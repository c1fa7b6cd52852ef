"""Hold a host against its rendered tree in one round trip (see CONTRIBUTING.md)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import (
    actions,
    contents,
    effects,
    logins,
    operators,
    preflight,
    report,
    script,
    standing,
    wanted,
)
from comparing import differences as comparison
from comparing.answers import Answer
from comparing.manifest import Manifest, ManifestError

from ansible.module_utils.provision import entries, lease  # isort: skip


SOURCES = "/etc/apt/sources.list.d/"
#: The variable that says how many MiB must be free where anything is written. It is looked at here:
#: as an argument of the task, it would be evaluated on each host that has no work.
ROOM = "provision_minimum_free_mib"


@dataclass(frozen=True)
class Question:
    """What a host is asked, and what its answer is held against.

    state and more are those of comparing.script.compare_script().
    """

    manifest: Manifest
    files: list[wanted.Wanted]
    state: list[dict[str, Any]]
    more: Sequence[tuple[str, str]]

    @property
    def text(self) -> str:
        """The script that looks at the host."""
        return script.compare_script(self.manifest, self.state, self.more)

    @property
    def plan(self) -> dict[str, Any]:
        """What can be told before the host has answered: which files hold secrets."""
        return {"secrets": contents.secret_files(self.manifest, self.files)}


def _cut_off() -> actions.Refusal:
    return actions.Refusal(
        "The host could not be looked at: its answer is cut off.",
        "run it again; where that is no help, see whether the host kills processes for want of"
        " memory",
    )


class ActionModule(actions.ProvisionAction):
    """Compares, and refuses a host on which the work could not be done; changes nothing.

    Arguments: group: that into which a host with work is put; standing: also give
    what comparing.standing reads, and look no further; looked: take what the action look has asked,
    which is in the variable of that name.
    Result: clock (by how many seconds the host's is ahead of this machine's at least, negative
    where it is behind), changed, roles, differences, files (paths to place), awaiting (secrets not
    known yet), owners (hosts of this run that may still use what is stale), turns_to_tls
    (whether its Telegraf writes over HTTP, and shall over TLS), wanted (what the roles need of the
    manifest, if there is work), plan and diff; on failure problem and remedy. plan is what else can
    be told before the work: secrets (which files hold them), effects (on services, as differences)
    and, in check mode or with diff, what comparing.contents says of files.
    """

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"group", "looked", "standing"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        standings = bool(self._task.args.get("standing"))
        question = self.question(task_vars, standings=standings)
        manifest, files = question.manifest, question.files
        answer = self._known(task_vars) or Answer.now(self._ask, question.text)
        try:
            seen = report.read(answer.output)
        except report.CutOff:
            raise _cut_off() from None
        result["clock"] = answer.ahead(seen.clock)
        if standings:
            result["standing"] = standing.read(manifest, seen, answer.output)
        try:
            found, stale = self.found(question, seen, task_vars["ansible_play_hosts_all"])
        except comparison.BlockingState as error:
            return {**result, **actions.failure(error.problem, error.remedy)}
        result.update(
            changed=bool(found),
            roles=comparison.roles_of(found),
            differences=[each.as_dict() for each in found],
            files=[each.name for each in found if each.kind == "file"],
            turns_to_tls=False,
            awaiting=sorted({name for each in files for name in each.missing}),
            owners=sorted({owner for _, owners in stale for owner in owners}),
            stale=bool(stale),
            plan=question.plan,
        )
        if found and not standings:
            result["wanted"] = {
                "operator": self._operator(seen, task_vars),
                "services": [asdict(each) for each in manifest.services],
                "packages": [asdict(each) for each in manifest.packages],
                "repositories": [asdict(each) for each in manifest.repositories],
                "unfinished": script.UNFINISHED,
                "sources": [each.path for each in manifest.files if SOURCES in each.path],
            }
            still = effects.polled({each.role for each in found}, task_vars)
            told = effects.on_services(manifest, found, still)
            result["plan"]["effects"] = [each.as_dict() for each in told]
            self._before_change(manifest, files, seen, found, result, task_vars)
            if self._task.args.get("group") and not self._task.check_mode:
                self.join(self._task.args["group"], result)
        return result

    def question(self, task_vars: dict[str, Any], *, standings: bool = False) -> Question:
        """What the host is asked, and held against. Refuses where it is not known."""
        manifest = self.manifest(task_vars)
        secrets = self.secrets(task_vars)
        try:
            files = wanted.wanted_files(manifest, secrets, self.fill, read=self.read)
        except ManifestError as error:
            raise actions.Refusal(error.message, error.remedy) from None
        self._check_secrets(manifest, secrets)
        asked = [
            {
                "entry": dict(entry),
                "secrets": {
                    name: secrets[name] for name in entries.all_names(entry) if secrets.get(name)
                },
                "renew": self.renewed(task_vars),
            }
            for entry in manifest.state
        ]
        more = standing.commands(manifest) if standings else ()
        return Question(manifest, files, asked, more)

    @staticmethod
    def found(
        question: Question, seen: report.Report, hosts: Iterable[str]
    ) -> tuple[list[comparison.Difference], list[tuple[comparison.Difference, list[str]]]]:
        """What differs, and what of it is stale with those who own it, in a run on these hosts.

        Raises BlockingState.
        """
        found = comparison.differences(question.manifest, question.files, seen)
        stale = comparison.stale(question.manifest, seen, hosts)
        return comparison.in_order([*found, *(difference for difference, _ in stale)]), stale

    def _known(self, task_vars: Mapping[str, Any]) -> Answer | None:
        """What the host has answered already, when all were looked at together."""
        if not self._task.args.get("looked"):
            return None
        answers = (task_vars.get("looked") or {}).get("answers") or {}
        known = answers.get(task_vars["inventory_hostname"])
        return Answer(**known) if known else None

    def _before_change(
        self,
        manifest: Manifest,
        files: list[wanted.Wanted],
        seen: report.Report,
        found: list[comparison.Difference],
        result: dict[str, Any],
        task_vars: dict[str, Any],
    ) -> None:
        """Look at what speaks against the work, and at the old texts if they are to be shown."""
        secret = {file.path for file in manifest.files if file.secret}
        shown = self._task.diff or self._task.check_mode
        texts = [
            each.name
            for each in found
            if shown and each.kind in ("file", "absent") and each.name not in secret
        ]
        changed = {each.name for each in found if each.kind == "file"} & {logins.CONFIGURATION}
        writes = next((each for each in files if each.file.path in changed), None)
        asked = [*texts, *([logins.CONFIGURATION, logins.FORMER] if writes else [])]
        said = self._ask(
            script.preflight_script(
                preflight.wanted_ports(manifest), asked, preflight.places(manifest, found)
            )
        )
        before = report.read_preflight(said)
        old = {asked[index]: text for index, text in before.texts.items()}
        if writes:
            result["turns_to_tls"] = logins.turns_to_tls(
                old.get(logins.CONFIGURATION) or old.get(logins.FORMER, ""),
                (writes.content or b"").decode("utf-8"),
            )
        if self._task.diff:
            hidden = comparison.not_for_all(found, manifest, seen)
            public = {path: text for path, text in old.items() if path not in hidden}
            result["diff"] = comparison.diff_texts(found, files, public)
        if shown:
            result["plan"].update(contents.contents(manifest, found, files, old))
        against = preflight.problem(
            manifest,
            seen,
            before,
            found,
            minimum_free_mib=int(self._templar.template(task_vars.get(ROOM, 1024))),
        )
        if against:
            result.update(actions.failure(against.problem, against.remedy), changed=False)

    def _operator(self, seen: report.Report, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Whose run this is. Refuses where another operator's is at work on the host."""
        command = self._templar.template(task_vars.get("provision_command") or "ansible-playbook")
        mine = operators.mine(str(command))
        held = seen.operator
        if held and held["run"] != mine["run"] and not self._task.check_mode:
            if not operators.is_over(held["run"]):
                error = lease.told(dict(held))
                raise actions.Refusal(error.message, error.remedy)
            mine["over"].append(held["run"])
        return mine

    def _check_secrets(self, manifest: Manifest, secrets: Mapping[str, str]) -> None:
        names = [
            name
            for entry in manifest.state
            for name in (*entries.secret_names(entry), *entry.get("given", ()))
        ]
        missing = [name for name in dict.fromkeys(names) if not secrets.get(name)]
        if missing:
            raise actions.Refusal(*wanted.unknown_secret(missing))

    def _ask(self, text: str) -> str:
        """What a script prints on the host. Refuses where it does not come to its end."""
        done = self.shell(text)
        if done["rc"] == 0 and report.is_whole(done["stdout"]):
            return str(done["stdout"])
        if "@@ " in done["stdout"]:
            raise _cut_off()
        said = (done["stderr"] or done["stdout"]).strip().splitlines()
        remedy = "see that the user may become root with sudo (-K asks for its password)"
        if said and "sudo" in said[-1] and "not found" in said[-1]:
            remedy = "install sudo on it, or connect as root (-u root)"
        raise actions.Refusal(
            "The host could not be looked at:"
            f" {said[-1] if said else 'its shell printed nothing'}.",
            remedy,
        )

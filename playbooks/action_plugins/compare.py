"""Hold a host against its rendered tree in one round trip (see CONTRIBUTING.md)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
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
from comparing.asking import Question, Work
from comparing.manifest import Manifest, ManifestError

from ansible.module_utils.provision import entries, lease  # isort: skip


SOURCES = "/etc/apt/sources.list.d/"
#: The variable that says how many MiB must be free where anything is written. It is looked at here:
#: as an argument of the task, it would be evaluated on each host that has no work.
ROOM = "provision_minimum_free_mib"


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
    or found, which is in the variable of that name.
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
        if self._task.args.get("looked") and (known := self.comparison(task_vars)):
            return {**result, **known}
        question = self.question(task_vars, standings=standings)
        answer = self._known(task_vars) or Answer.now(self._ask, question.text)
        try:
            seen = report.read(answer.output)
        except report.CutOff:
            raise _cut_off() from None
        result["clock"] = answer.ahead(seen.clock)
        if standings:
            result["standing"] = standing.read(question.manifest, seen, answer.output)
        try:
            told, work = self.compared(question, seen, task_vars, works=not standings)
        except comparison.BlockingState as error:
            return {**result, **actions.failure(error.problem, error.remedy)}
        result.update(told)
        if work:
            result.update(self.judged(work, self._ask(work.text), task_vars))
            joins = self._task.args.get("group") and not self._task.check_mode
            if joins and not result.get("failed"):
                self.join({self._task.args["group"], *self.plays(result)}, result, task_vars)
        return result

    def compared(
        self,
        question: Question,
        seen: report.Report,
        task_vars: dict[str, Any],
        *,
        works: bool = True,
    ) -> tuple[dict[str, Any], Work | None]:
        """What is told of a host, and its work if there is any and it works there.

        Raises BlockingState; refuses where another operator is at work.
        """
        manifest = question.manifest
        found, stale = self.found(question, seen, task_vars["ansible_play_hosts_all"])
        result = {
            "changed": bool(found),
            "roles": comparison.roles_of(found),
            "differences": [each.as_dict() for each in found],
            "files": [each.name for each in found if each.kind == "file"],
            "turns_to_tls": False,
            "awaiting": sorted({name for each in question.files for name in each.missing}),
            "owners": sorted({owner for _, owners in stale for owner in owners}),
            "stale": bool(stale),
            "plan": question.plan,
        }
        if not found or not works:
            return result, None
        result["wanted"] = {
            "operator": self._operator(seen, task_vars),
            "services": [asdict(each) for each in manifest.services],
            "packages": [asdict(each) for each in manifest.packages],
            "repositories": [asdict(each) for each in manifest.repositories],
            "unfinished": script.UNFINISHED,
            "sources": [each.path for each in manifest.files if SOURCES in each.path],
        }
        roles = result["roles"]
        still = effects.polled(roles, task_vars, self._templar.template)
        told = effects.on_services(manifest, found, still)
        result["plan"]["effects"] = [each.as_dict() for each in told]
        secret = {file.path for file in manifest.files if file.secret}
        texts = [
            each.name
            for each in found
            if self._shows and each.kind in ("file", "absent") and each.name not in secret
        ]
        files = {each.file.path: each for each in question.files}
        changed = {each.name for each in found if each.kind == "file"}
        login = files[logins.CONFIGURATION] if logins.CONFIGURATION in changed else None
        asked = [*texts, *([logins.CONFIGURATION, logins.FORMER] if login else [])]
        return result, Work(question, seen, found, result, asked, login)

    @property
    def _shows(self) -> bool:
        """Whether old texts are to be shown."""
        return bool(self._task.diff or self._task.check_mode)

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

    def judged(self, work: Work, said: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """The result, with what speaks against the work, and the old texts if they are to be shown.

        said is what work.text has printed on the host.
        """
        manifest, files = work.question.manifest, work.question.files
        result, found = work.result, work.found
        before = report.read_preflight(said)
        old = {work.texts[index]: text for index, text in before.texts.items()}
        if work.login:
            result["turns_to_tls"] = logins.turns_to_tls(
                old.get(logins.CONFIGURATION) or old.get(logins.FORMER, ""),
                (work.login.content or b"").decode("utf-8"),
            )
        if self._task.diff:
            hidden = comparison.not_for_all(found, manifest, work.seen)
            public = {path: text for path, text in old.items() if path not in hidden}
            result["diff"] = comparison.diff_texts(found, files, public)
        if self._shows:
            result["plan"].update(contents.contents(manifest, found, files, old))
        against = preflight.problem(
            manifest,
            work.seen,
            before,
            found,
            minimum_free_mib=int(self._templar.template(task_vars.get(ROOM, 1024))),
        )
        if against:
            result.update(actions.failure(against.problem, against.remedy), changed=False)
        return result

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

"""Grafana's alert rules and contact points of ours: what has left goes, what is missing comes.

What was provisioned by a file stays when it leaves the file, and Grafana's API does not delete it
(9.4: "cannot delete with provided provenance 'api', needs 'file'"). So it is told by a file again,
which is there only while it is read. Nothing that people made is named in it.

The notification policies are one tree, and the first file with some takes the place of what people
made of it: that is kept before.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional

from ansible.module_utils.provision.http import ServiceError, basic, call_patiently, told

_RULE = re.compile(r"provision-.+-[0-9a-f]{12}")
_CONTACT = re.compile(r"provision-[a-z][a-z0-9_]*")
#: How many names a line tells.
_TOLD = 3
#: What the difference is called that policies of people are replaced.
POLICIES = "notification policies"
#: Grafana's policies as long as nobody has made any (9 to 13).
_UNTOUCHED = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}


#: For how many seconds it is waited until Grafana has read its files.
_READ = 60.0


class Refused(ServiceError):
    """Grafana does not take the login, or not for that."""


class Alerting:
    """What Grafana has of ours, against "alerting" of a state entry (see CONTRIBUTING.md)."""

    def __init__(self, entry: Dict[str, Any], password: str, patience: float) -> None:
        """Ask nothing yet."""
        self._url = entry["url"].rstrip("/")
        self._headers = basic(entry["username"], password)
        self._patience = patience
        self._wanted = entry["alerting"]

    def differences(self) -> List[Dict[str, str]]:
        """What is to be done, in the form of converge; empty if nothing is."""
        look = self._look()
        lines = [
            ("alert rules", "create", look["missing"], "Grafana does not have them"),
            ("alert rules", "remove", look["titles"], "no catalog has them any more"),
            ("contact points", "remove", look["contacts"], "the inventory has them no more"),
        ]
        found = [
            {"name": name, "action": action, "why": "%s: %s" % (why, _few(uids))}
            for name, action, uids, why in lines
            if uids
        ]
        return found + ([self._replacement()] if self._peoples_policies() else [])

    def keep(self) -> List[Dict[str, str]]:
        """Write the policies of people that are about to be replaced to a file; what was kept."""
        policies = self._peoples_policies()
        if not policies:
            return []
        path = "%s-%s.json" % (self._wanted["kept"], time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
        try:
            # Exclusive: whatever is there is left alone.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(policies, file, indent=2)
        except OSError as error:
            raise ServiceError(
                "The notification policies that people made cannot be kept: %s: %s."
                % (path, error.strerror),
                "make room there, or leave grafana_contacts out of the inventory",
            ) from None
        return [self._replacement()]

    def _replacement(self) -> Dict[str, str]:
        return {
            "name": POLICIES,
            "action": "change",
            "why": "the inventory has contacts (grafana_contacts), and they are its from then on",
            "warning": "notification policies that people made in Grafana are replaced;"
            " they are kept on the host, as %s-….json" % self._wanted["kept"],
        }

    def unseen(self) -> List[Dict[str, str]]:
        """What is to be done of policies that nobody could look at."""
        return [self._replacement()] if self._are_replaced() else []

    def _are_replaced(self) -> bool:
        """Whether a file is about to replace the policies, whoever made them."""
        return bool(self._wanted["contacts"]) and not os.path.exists(self._wanted["file"])

    def _peoples_policies(self) -> Optional[Dict[str, Any]]:
        """What people made of the policies that a file is about to replace; None if nothing."""
        if not self._are_replaced():
            return None
        policies = dict(self._ask("policies"))
        if policies.pop("provenance", "") == "file":
            return None
        made = {name: value for name, value in policies.items() if value not in (None, [], "")}
        return None if made == _UNTOUCHED else made

    def converge(self) -> None:
        """Do it. Raises ServiceError where Grafana has not done it.

        For rules it is started anew: where it is told to read its alerting files again, 9.4 takes
        all rules for changed, so that what fires is told as over and what is pending begins anew.
        For contacts it is told: people's rules may use one, and with a file that it cannot follow
        it would not start.
        """
        look = self._look()
        if look["rules"] or look["missing"]:
            with self._told({"deleteRules": look["rules"]}):
                restart()
                deadline = time.monotonic() + _READ
                while self._lacks_rules() and time.monotonic() < deadline:
                    time.sleep(0.5)
        if look["contacts"]:
            policies = {"resetPolicies": [1]} if self._policies_are_ours_alone() else {}
            with self._told({"deleteContactPoints": look["contacts"]}, policies):
                self._reload()
        left = self._look()
        for what in ("rules", "contacts", "missing"):
            if left[what]:
                raise ServiceError(
                    "Grafana at %s was told of its alerting files, and still: %s %s."
                    % (self._url, "it lacks" if what == "missing" else "it has", _few(left[what])),
                    "see `journalctl -u grafana-server` on the host",
                )

    def _look(self) -> Dict[str, Any]:
        # One after the other: five wrong passwords lock the login for five minutes.
        rules = {rule["uid"]: rule for rule in self._ask("alert-rules")}
        contacts = self._ask("contact-points")
        ours = sorted(uid for uid, rule in rules.items() if _is_ours(uid, rule))
        left = [
            contact["uid"]
            for contact in contacts
            if _CONTACT.fullmatch(contact.get("uid") or "")
            and contact.get("provenance") == "file"
            and contact["uid"] not in self._wanted["contacts"]
        ]
        wanted = set(self._wanted["rules"])
        return {
            "rules": [uid for uid in ours if uid not in wanted],
            "titles": [rules[uid].get("title") or uid for uid in ours if uid not in wanted],
            "missing": sorted(wanted - set(rules)),
            "contacts": sorted(left),
        }

    def _lacks_rules(self) -> bool:
        look = self._look()
        return bool(look["rules"] or look["missing"])

    @contextlib.contextmanager
    def _told(
        self, gone: Dict[str, List[str]], more: Optional[Dict[str, Any]] = None
    ) -> Iterator[None]:
        """A file that tells Grafana what to forget, by its uids, for as long as it takes."""
        document: Dict[str, Any] = {"apiVersion": 1, **(more or {})}
        for what, uids in gone.items():
            document[what] = [{"orgId": 1, "uid": uid} for uid in uids]
        path = self._wanted["left"]
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file)  # JSON is YAML
            with contextlib.suppress(LookupError):  # there is no such group
                shutil.chown(path, group="grafana")
            yield
        finally:
            os.unlink(path)

    def _policies_are_ours_alone(self) -> bool:
        """Whether the policies are those of our file, which is there no more."""
        if self._wanted["contacts"]:
            return False
        return bool(self._ask("policies").get("provenance") == "file")

    def _ask(self, what: str) -> Any:
        status, answer = call_patiently(
            "%s/api/v1/provisioning/%s" % (self._url, what),
            seconds=self._patience,
            headers=self._headers,
        )
        if status != 200:
            raise (Refused if status == 401 else ServiceError)(
                "Grafana at %s does not tell its %s: HTTP %d %s"
                % (self._url, what, status, told(answer)),
                "see that unified alerting is not disabled in Grafana",
            )
        return answer

    def _reload(self) -> None:
        status, answer = call_patiently(
            self._url + "/api/admin/provisioning/alerting/reload",
            seconds=self._patience,
            method="POST",
            headers=self._headers,
            timeout=60,
        )
        if status not in (200, 202):
            raise ServiceError(
                "Grafana at %s does not read its alerting files again: HTTP %d %s"
                % (self._url, status, told(answer)),
                "see `journalctl -u grafana-server` on the host",
            )


def restart() -> None:
    """Start Grafana anew."""
    command = ["systemctl", "restart", "grafana-server"]
    done = subprocess.run(command, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        raise ServiceError(
            "Grafana cannot be started: %s" % done.stderr.strip(),
            "see `journalctl -u grafana-server` on the host",
        )


def _is_ours(uid: str, rule: Dict[str, Any]) -> bool:
    """Whether a rule is of our file: nobody else gives a rule such a uid and our label."""
    labels = rule.get("labels") or {}
    provenance = rule.get("provenance") or "file"  # 9.4 does not tell it in this list
    return bool(_RULE.fullmatch(uid) and labels.get("provision") == "true" and provenance == "file")


def _few(names: List[str]) -> str:
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (" and %d more" % more if more > 0 else "")

"""InfluxDB 2's tokens: one list tells which are those of the secrets file, and which are stale."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from ansible.module_utils.provision import rights
from ansible.module_utils.provision.entries import OPERATOR
from ansible.module_utils.provision.http import ServiceError

_OPERATORS = "provision: operator"
_PATH = "/api/v2/authorizations"


def permissions(access: str, organization: str, bucket: str) -> List[Dict[str, Any]]:
    """The rights of a token that may just read or just write one bucket (both are ids)."""
    return [
        {"action": access, "resource": {"type": "buckets", "id": bucket, "orgID": organization}}
    ]


def same_rights(one: List[Dict[str, Any]], other: List[Dict[str, Any]]) -> bool:
    """Whether two lists of permissions allow the same; names that the server adds don't count."""
    return sorted(map(_right, one)) == sorted(map(_right, other))


def _right(permission: Dict[str, Any]) -> Tuple[str, str, str, str]:
    resource = permission["resource"]
    return (
        permission["action"],
        resource["type"],
        resource.get("id") or "",
        resource.get("orgID") or "",
    )


class Tokens:
    """The tokens of an organization, listed once; operator is the server as the operator.

    differs notes a difference and says whether it shall be mended. made are the new tokens by name
    of the secret.
    """

    def __init__(
        self,
        operator: Any,
        entry: Mapping[str, Any],
        secrets: Mapping[str, str],
        organization: str,
        differs: Callable[[str, str, str], bool],
        renew: Sequence[str],
    ) -> None:
        self.operator, self.entry, self.secrets = operator, entry, secrets
        self.organization, self.differs, self.renew = organization, differs, renew
        self.wanted = [dict(each, base=each["description"]) for each in entry["tokens"]]
        self.made: Dict[str, str] = {}
        self.replaced: List[str] = []
        query = {"orgID": organization} if organization else None
        answer = operator.do("list tokens", "GET", _PATH, query=query)
        self.listed: List[Dict[str, Any]] = answer["authorizations"]

    def describe_first(self) -> None:
        """Tell the one token of a server that was just set up who it is."""
        for each in self.listed:
            self._describe(each["id"], rights.described(_OPERATORS, self.secrets[OPERATOR]))

    def converge(self, bucket: str) -> None:
        """See that each token is there with its rights on the bucket (an id), or make it."""
        for each in self.wanted:
            rightful = permissions(each["access"], self.organization, bucket)
            why = self._why(each, rightful)
            if why:
                self.replaced.append(each["secret"])
                if self.differs("token " + each["secret"], "create", why):
                    self.made[each["secret"]] = self._make(each["description"], rightful)
        self._renew_operator()

    def _why(self, token: Mapping[str, str], rightful: List[Dict[str, Any]]) -> str:
        """Why a token is to be made, or nothing."""
        known = self.secrets.get(token["secret"])
        if not known:
            return "the secrets file does not have it"
        found = self._described(rights.described(token["description"], known))
        if not found:
            return "there is no such token"
        if not any(
            each["status"] == "active" and same_rights(each["permissions"], rightful)
            for each in found
        ):
            return "it has other rights"
        return "it is to be renewed" if token["secret"] in self.renew else ""

    def _described(self, description: str) -> List[Dict[str, Any]]:
        return [each for each in self.listed if each.get("description") == description]

    def _make(self, description: str, rightful: List[Dict[str, Any]]) -> str:
        # Until it is told of its fingerprint, the token passes for a stale one: what a run leaves
        # that ends here does not stay.
        body = {"orgID": self.organization, "description": description, "permissions": rightful}
        made = self.operator.do("make a token", "POST", _PATH, body)
        self._describe(made["id"], rights.described(description, made["token"]))
        return str(made["token"])

    def _describe(self, token: str, description: str) -> None:
        body = {"description": description}
        self.operator.do("describe a token", "PATCH", _PATH + "/" + token, body)

    def _renew_operator(self) -> None:
        """Make a new operator's token, if that is asked for; the one before becomes stale."""
        if OPERATOR not in self.renew:
            return
        self.replaced.append(OPERATOR)
        if not self.differs("token " + OPERATOR, "create", "it is to be renewed"):
            return
        description = rights.described(_OPERATORS, self.secrets[OPERATOR])
        present = self._described(description)
        if not present:
            # InfluxDB's own words for the token of its setup, and for that of `influxd recovery`.
            first = ["%s's %s" % (self.entry["username"], what) for what in ("Token",
                     "Recovery Token")]  # fmt: skip
            present = [each for each in self.listed if each.get("description") in first]
            if len(present) != 1:
                raise ServiceError(
                    "InfluxDB at %s has %d tokens that could be the operator's, and none is"
                    " described as such." % (self.operator.url, len(present)),
                    "describe the one of the secrets file as '%s' (PATCH %s/ID), and run again"
                    % (description, _PATH),
                )
            self._describe(present[0]["id"], description)
        token = self._make(_OPERATORS, present[0]["permissions"])
        if not self.operator.lets_in(token):
            raise ServiceError(
                "InfluxDB at %s made an operator's token that it does not accept."
                % self.operator.url,
                "run again: the old one stays valid",
            )
        self.made[OPERATOR] = token

    def stale(self) -> List[Dict[str, Any]]:
        """The listed tokens of ours that are not (or not any more) those of the secrets file."""
        named = [(each["secret"], each["base"]) for each in self.wanted] + [(OPERATOR, _OPERATORS)]
        rightful = {
            rights.described(base, self.secrets[secret])
            for secret, base in named
            if secret in self.secrets and secret not in self.replaced
        }
        found = []
        for each in self.listed:
            description = str(each.get("description") or "")
            name = rights.description(description)
            owned = [] if name.base == _OPERATORS else rights.owners(self.entry, self.wanted, name)
            if owned is not None and description not in rightful:
                what = "token of " + description.replace("provision: ", "", 1)
                why = "it is not that of the secrets file any more"
                found.append({"id": each["id"], "name": what, "why": why, "owners": owned})
        return found

    def delete(self, token: Mapping[str, Any]) -> None:
        """Delete a listed token."""
        self.operator.do("delete a token", "DELETE", _PATH + "/" + token["id"])

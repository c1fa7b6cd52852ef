"""InfluxDB 2: what the state entry of the manifest wants, against what the server has.

The API is that of docs.influxdata.com/influxdb/v2/api. Tokens are told once, at their creation, and
stored hashed since 2.9. So a token's description is given a fingerprint of it: one list says which
tokens are those of the secrets file; any other of ours is made anew, and is stale.
"""

from __future__ import annotations

import urllib.parse
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible.module_utils.provision import retention, rights
from ansible.module_utils.provision.entries import OPERATOR
from ansible.module_utils.provision.http import ServiceError, basic, call_patiently, told
from ansible.module_utils.provision.tokens import Tokens


def retention_rules(seconds: int) -> List[Dict[str, Any]]:
    """A bucket's retentionRules; 0 seconds keeps everything for ever (no rule changes nothing).

    Shards are as long as InfluxDB makes those of a new bucket (docs, reference/internals/shards):
    a retention that is shorter than the shards of the one before is refused.
    """
    shard = 7 * 86400 if not seconds or seconds > 180 * 86400 else 86400
    if 0 < seconds < 2 * 86400:
        shard = 3600
    return [
        {"type": "expire", "everySeconds": seconds, "shardGroupDurationSeconds": shard},
    ]


class Server:
    """The API of one server with one token (or none)."""

    def __init__(self, url: str, token: Optional[str], patience: float) -> None:
        self.url = url.rstrip("/")
        self.headers = {"Authorization": "Token " + token} if token else {}
        self.patience = patience

    def lets_in(self, token: str) -> bool:
        """Whether the operator's work can be done with a token."""
        status, _ = Server(self.url, token, self.patience).ask("GET", "/api/v2/orgs")
        return status == 200

    def ask(
        self, method: str, path: str, body: Any = None, query: Optional[Dict[str, str]] = None
    ) -> Tuple[int, Any]:
        """(status, answer) of a request, whatever it is."""
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        return call_patiently(
            url, seconds=self.patience, method=method, headers=self.headers, body=body
        )

    def do(
        self,
        what: str,
        method: str,
        path: str,
        body: Any = None,
        query: Optional[Dict[str, str]] = None,
    ) -> Any:
        """The answer of a request that must succeed; ServiceError says what failed."""
        status, answer = self.ask(method, path, body, query)
        if status >= 300:
            raise ServiceError(
                "InfluxDB at %s refuses to %s: %s (HTTP %d)."
                % (self.url, what, told(answer), status)
            )
        return answer


def converge(
    entry: Dict[str, Any],
    secrets: Dict[str, str],
    *,
    check: bool,
    patience: float = 60,
    renew: Sequence[str] = (),
) -> Dict[str, Any]:
    """Bring the server to what entry wants, or in check say what would be done.

    renew names secrets that are to be made anew. Gives {"differences": [{"name", "action", "why"}],
    "secrets": {name: new token}, "stale": [{"name", "why", "owners"}]}; what is stale is left for
    revoke(). Raises ServiceError.
    """
    work = _Convergence(entry, secrets, check, patience)
    stale: List[Dict[str, Any]] = []
    if work.set_up():
        work.log_in()
        work.password()
        bucket = work.bucket()
        work.database_mapping(bucket)
        if work.organization:
            tokens = work.tokens(renew)
            tokens.converge(bucket)
            work.made = tokens.made
            keys = ("name", "why", "owners")
            stale = [{key: each[key] for key in keys} for each in tokens.stale()]
    return {"differences": work.differences, "secrets": work.made, "stale": stale}


def revoke(
    entry: Dict[str, Any],
    secrets: Dict[str, str],
    settled: Mapping[str, float],
    *,
    patience: float = 60,
) -> Dict[str, Any]:
    """Delete the stale tokens that nobody uses any more (see rights.revoke)."""
    work = _Convergence(entry, secrets, False, patience)
    work.log_in()
    tokens = work.tokens()
    writers = {each["host"] for each in entry["tokens"] if each["role"] == "telegraf"}
    seconds = 3 * entry["interval_seconds"] + 15
    return rights.revoke(tokens.stale(), settled, writers, work.seen, tokens.delete, seconds)


class _Convergence:
    def __init__(
        self,
        entry: Dict[str, Any],
        secrets: Dict[str, str],
        check: bool,
        patience: float,
    ) -> None:
        self.entry, self.secrets, self.check, self.patience = entry, secrets, check, patience
        self.differences: List[Dict[str, str]] = []
        self.made: Dict[str, str] = {}
        self.nobody = Server(entry["url"], None, patience)
        self.operator = Server(entry["url"], secrets[OPERATOR], patience)
        self.organization = ""

    def differs(self, name: str, action: str, why: str, warning: str = "") -> bool:
        """Note a difference; True if it shall be mended."""
        self.differences.append({"name": name, "action": action, "why": why})
        if warning:
            self.differences[-1]["warning"] = warning
        return not self.check

    def set_up(self) -> bool:
        """Set a new server up. False if that is only noted, and there is no more to ask."""
        if not self.nobody.do("say whether it is set up", "GET", "/api/v2/setup")["allowed"]:
            return True
        entry = self.entry
        if not self.differs("setup", "create", "InfluxDB is not set up yet"):
            for token in entry["tokens"]:
                self.differs("token " + token["secret"], "create", "there is no such token")
            return False
        self.nobody.do(
            "be set up",
            "POST",
            "/api/v2/setup",
            {
                "username": entry["username"],
                "password": self.secrets["influxdb_admin_password"],
                "org": entry["organization"],
                "bucket": entry["bucket"],
                "retentionPeriodSeconds": entry["retention_seconds"],
                "token": self.secrets[OPERATOR],
            },
        )
        self.tokens().describe_first()
        return True

    def log_in(self) -> None:
        """Find the organization with the operator's token."""
        name = self.entry["organization"]
        status, answer = self.operator.ask("GET", "/api/v2/orgs", query={"org": name})
        if status == 401:
            raise ServiceError(
                "InfluxDB at %s does not accept the operator's token." % self.operator.url,
                "put the secrets file back; or stop InfluxDB on the monitoring host, make a token"
                " there with `influxd recovery auth create-operator --bolt-path"
                " /var/lib/influxdb/influxd.bolt --org '%s' --username '%s'`, start it again, and"
                " write the token into the secrets file as influxdb_operator_token"
                % (name, self.entry["username"]),
            )
        found = answer.get("orgs") or [] if status == 200 else []
        if found:
            self.organization = found[0]["id"]
        elif status not in (200, 404):
            raise ServiceError(
                "InfluxDB at %s refuses to list organizations: %s."
                % (self.operator.url, told(answer))
            )
        elif self.differs("organization " + name, "create", "there is no such organization"):
            made = self.operator.do(
                "create an organization", "POST", "/api/v2/orgs", {"name": name}
            )
            self.organization = made["id"]

    def password(self) -> None:
        """Let the administrator log in with the password of the secrets file."""
        name, password = self.entry["username"], self.secrets["influxdb_admin_password"]
        status, _ = call_patiently(
            self.operator.url + "/api/v2/signin",
            seconds=self.patience,
            method="POST",
            headers=basic(name, password),
        )
        if status == 204:
            return
        users = self.operator.do("list users", "GET", "/api/v2/users")["users"]
        user = next((user["id"] for user in users if user["name"] == name), None)
        if user is None:
            if not self.differs("user " + name, "create", "there is no such user"):
                return
            user = self.operator.do("create a user", "POST", "/api/v2/users", {"name": name})["id"]
            path = "/api/v2/orgs/%s/owners" % self.organization
            self.operator.do("make a user an owner", "POST", path, {"id": user})
        elif not self.differs("user " + name, "change", "its password is another"):
            return
        path = "/api/v2/users/%s/password" % user
        self.operator.do("set a password", "POST", path, {"password": password})

    def bucket(self) -> str:
        """Make the bucket, with its retention. Gives its id, empty if it is to be made."""
        name, seconds = self.entry["bucket"], int(self.entry["retention_seconds"])
        rules = retention_rules(seconds)
        current = self._bucket(name) if self.organization else None
        if current is None:
            if not self.differs("bucket " + name, "create", "there is no such bucket"):
                return ""
            wanted = {"name": name, "orgID": self.organization, "retentionRules": rules}
            made = self.operator.do("create a bucket", "POST", "/api/v2/buckets", wanted)
            return str(made["id"])
        kept = sum(rule.get("everySeconds", 0) for rule in current.get("retentionRules") or [])
        if kept != seconds and self.differs(
            "bucket " + name, "change", **retention.change(kept, seconds)
        ):
            path = "/api/v2/buckets/" + current["id"]
            self.operator.do("change a bucket", "PATCH", path, {"retentionRules": rules})
        return str(current["id"])

    def _bucket(self, name: str) -> Optional[Dict[str, Any]]:
        status, answer = self.operator.ask(
            "GET", "/api/v2/buckets", query={"orgID": self.organization, "name": name}
        )
        found = answer.get("buckets") or [] if status == 200 else []
        return found[0] if found else None

    def database_mapping(self, bucket: str) -> None:
        """Let InfluxQL know the bucket as a database of its name (an explicit DBRP mapping)."""
        name = self.entry["bucket"]
        found = []
        if bucket:
            query = {"orgID": self.organization, "db": name}
            answer = self.operator.do("list mappings", "GET", "/api/v2/dbrps", query=query)
            found = [each for each in answer.get("content") or [] if not each.get("virtual")]
        if any(each["bucketID"] == bucket and each["default"] for each in found):
            return
        if not self.differs("database " + name, "create", "no database is mapped to the bucket"):
            return
        for stale in found:
            path = "/api/v2/dbrps/" + stale["id"]
            query = {"orgID": self.organization}
            self.operator.do("delete a mapping", "DELETE", path, query=query)
        wanted = {
            "orgID": self.organization,
            "bucketID": bucket,
            "database": name,
            "retention_policy": "autogen",
            "default": True,
        }
        self.operator.do("map a database", "POST", "/api/v2/dbrps", wanted)

    def tokens(self, renew: Sequence[str] = ()) -> Tokens:
        """The server's tokens, as they are now."""
        return Tokens(
            self.operator, self.entry, self.secrets, self.organization, self.differs, renew
        )

    def seen(self, since: Mapping[str, float]) -> Dict[str, float]:
        """When hosts last wrote, by their own clock."""
        query = {"db": self.entry["bucket"], "epoch": "ms", "q": rights.seen_query(since.values())}
        return rights.seen_times(self.operator.do("be read", "GET", "/query", query=query))

"""InfluxDB 1: what the state entry of the manifest wants, against what the server has.

Everything goes by POST to /query (docs.influxdata.com/influxdb/v1/tools/api/#query-http-endpoint),
and nothing secret is in a URL. Known to work from 1.6 on. Passwords could only be tried, by a login
that is dear for the server; so a user's name ends with a fingerprint of its password, one list says
which users are those of the secrets file, and a new password is a new user.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ansible.module_utils.provision import retention, rights
from ansible.module_utils.provision.entries import ADMIN, NEXT
from ansible.module_utils.provision.http import ServiceError, basic, call_patiently, told

_PRIVILEGES = {"READ": "READ", "WRITE": "WRITE", "ALL": "ALL PRIVILEGES"}


def identifier(name: str) -> str:
    """An InfluxQL identifier, quoted: nothing in a name can end it."""
    return '"%s"' % _escaped(name, '"')


def string(text: str) -> str:
    """An InfluxQL string literal."""
    return "'%s'" % _escaped(text, "'")


def _escaped(text: str, quote: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace(quote, "\\" + quote)


class Server:
    """The /query endpoint of one server, as one user (or as nobody)."""

    def __init__(self, url: str, headers: Dict[str, str], patience: float) -> None:
        self.url = url.rstrip("/") + "/query"
        self.headers = headers
        self.patience = patience

    def ask(self, query: str) -> Any:
        """(status, answer) of a query, whatever it is."""
        return call_patiently(
            self.url, seconds=self.patience, method="POST", headers=self.headers, form={"q": query}
        )

    def rows(self, query: str, what: str) -> List[Dict[str, Any]]:
        """The rows of a query's first series as mappings; ServiceError says what failed."""
        status, answer = self.ask(query)
        results = answer.get("results") or [{}] if isinstance(answer, dict) else [{}]
        return self._rows(status, answer, results[0], what)

    def each(self, queries: Sequence[str], what: str) -> List[List[Dict[str, Any]]]:
        """The rows of each of several queries, asked in one request."""
        if not queries:
            return []
        status, answer = self.ask("; ".join(queries))
        results = answer.get("results") or [{}] if isinstance(answer, dict) else [{}]
        return [self._rows(status, answer, result, what) for result in results]

    def _rows(self, status: int, answer: Any, result: Dict[str, Any], what: str) -> Any:
        if status != 200 or "error" in result:
            raise ServiceError(
                "InfluxDB at %s refuses to %s: %s."
                % (self.url, what, result.get("error") or told(answer))
            )
        series = result.get("series") or [{}]
        columns = series[0].get("columns", [])
        rows = series[0].get("values") or []
        return [dict(zip(columns, row)) for row in rows]  # noqa: B905 - hosts have Python 3.9


def converge(
    entry: Dict[str, Any],
    secrets: Dict[str, str],
    *,
    check: bool,
    patience: float = 30,
    renew: Sequence[str] = (),
) -> Dict[str, Any]:
    """Bring the server to what entry wants, or in check say what would be done.

    renew names secrets that are to be made anew; influxdb_admin_password_next among the secrets is
    the administrator's new password. Gives {"differences": [{"name", "action", "why"}], "secrets":
    {name: new password}, "stale": [{"name", "why", "owners"}]}; what is stale is left for revoke().
    Raises ServiceError.
    """
    work = _Convergence(entry, secrets, check, patience)
    work.administrator()
    work.next_password()
    work.database()
    work.users(renew)
    keys = ("name", "why", "owners")
    stale = [{key: each[key] for key in keys} for each in work.stale()]
    return {"differences": work.differences, "secrets": work.made, "stale": stale}


def revoke(
    entry: Dict[str, Any],
    secrets: Dict[str, str],
    settled: Mapping[str, float],
    *,
    patience: float = 30,
) -> Dict[str, Any]:
    """Drop the stale users that nobody uses any more (see rights.revoke)."""
    work = _Convergence(entry, secrets, False, patience)
    work.administrator()
    work.known = work.names()
    writers = {each["host"] for each in entry["users"] if each["role"] == "telegraf"}
    seconds = 3 * entry["interval_seconds"] + 15
    return rights.revoke(work.stale(), settled, writers, work.seen, work.drop, seconds)


class _Convergence:
    def __init__(
        self, entry: Dict[str, Any], secrets: Dict[str, str], check: bool, patience: float
    ) -> None:
        self.entry, self.secrets, self.check, self.patience = entry, secrets, check, patience
        self.wanted = [dict(each, base=each["name"]) for each in entry["users"]]
        self.differences: List[Dict[str, str]] = []
        self.made: Dict[str, str] = {}
        self.replaced: List[str] = []
        self.known: List[str] = []
        self.admin = self.login(entry["username"], secrets[ADMIN])
        self.nothing_yet = False

    def login(self, username: str, password: str) -> Server:
        return Server(self.entry["url"], basic(username, password), self.patience)

    def differs(self, name: str, action: str, why: str, statement: str, warning: str = "") -> None:
        """Note a difference; the statement (which may hold a password) mends it."""
        self.differences.append({"name": name, "action": action, "why": why})
        if warning:
            self.differences[-1]["warning"] = warning
        if not self.check:
            self.admin.rows(statement, "%s the %s" % (action, name))

    def administrator(self) -> None:
        name, password = self.entry["username"], self.secrets[ADMIN]
        statement = "CREATE USER %s WITH PASSWORD %s WITH ALL PRIVILEGES" % (
            identifier(name),
            string(password),
        )
        status, answer = self.admin.ask("SHOW USERS")
        following = self.secrets.get(NEXT)
        if status == 401 and following:
            # A run was ended after it had set the new password.
            other = self.login(name, following)
            if other.ask("SHOW USERS")[0] == 200:
                self.admin = other
                return
        error = told(answer) if status != 200 else ""
        nobody = Server(self.entry["url"], {}, self.patience)
        if status == 200:
            rows = self.admin.rows("SHOW USERS", "show its users")
            if any(row["user"] == name and row["admin"] for row in rows):
                return
            # Without auth-enabled any login passes, and says nothing of who the users are.
            self.differs("user " + name, "create", "there is no such administrator", statement)
        elif status == 403 and "create admin user" in error:
            self.differences.append(
                {"name": "user " + name, "action": "create", "why": "there is no user yet"}
            )
            self.nothing_yet = self.check
            if not self.check:
                nobody.rows(statement, "create its first user")
        else:
            raise ServiceError(
                "InfluxDB at %s does not accept the password of its user %s: %s."
                % (self.entry["url"], name, error),
                "put the right influxdb_admin_password into the secrets file, or set it in InfluxDB"
                " (with auth-enabled = false for a moment: SET PASSWORD FOR %s = '…')"
                % identifier(name),
            )

    def database(self) -> None:
        database, policy = self.entry["database"], self.entry["retention_policy"]
        seconds = int(self.entry["retention_seconds"])
        duration = "%ds" % seconds if seconds else "INF"
        exists = not self.nothing_yet and any(
            row["name"] == database for row in self.admin.rows("SHOW DATABASES", "show databases")
        )
        if not exists:
            self.differs(
                "database " + database,
                "create",
                "there is no such database",
                "CREATE DATABASE %s WITH DURATION %s REPLICATION 1 NAME %s"
                % (identifier(database), duration, identifier(policy)),
            )
            return
        on = "%s ON %s" % (identifier(policy), identifier(database))
        rows = self.admin.rows(
            "SHOW RETENTION POLICIES ON %s" % identifier(database), "show retention policies"
        )
        current = next((row for row in rows if row["name"] == policy), None)
        name = "retention policy %s.%s" % (database, policy)
        if current is None:
            self.differs(
                name,
                "create",
                "there is no such retention policy",
                "CREATE RETENTION POLICY %s DURATION %s REPLICATION 1 DEFAULT" % (on, duration),
            )
        elif _seconds(current["duration"]) != seconds or not current["default"]:
            told = {"why": "it is not the default"}
            if _seconds(current["duration"]) != seconds:
                told = retention.change(_seconds(current["duration"]), seconds)
            self.differs(
                name,
                "change",
                statement="ALTER RETENTION POLICY %s DURATION %s SHARD DURATION %s DEFAULT"
                % (on, duration, _shard(seconds)),
                **told,
            )

    def next_password(self) -> None:
        """Give the administrator the new password that the secrets file has beside the old one."""
        name, following = self.entry["username"], self.secrets.get(NEXT)
        if not following:
            return
        if self.admin.headers != basic(name, following):
            self.differs(
                "user " + name,
                "change",
                "its password is to be renewed",
                "SET PASSWORD FOR %s = %s" % (identifier(name), string(following)),
            )
        else:
            why = "the secrets file has its new password beside the old one"
            self.differences.append({"name": "user " + name, "action": "change", "why": why})
        if not self.check:
            self.made[ADMIN] = following
            self.admin = self.login(name, following)

    def names(self) -> List[str]:
        """The names of all users."""
        return [row["user"] for row in self.admin.rows("SHOW USERS", "show its users")]

    def users(self, renew: Sequence[str]) -> None:
        """See that each user is there with its password and privilege, or make it."""
        self.known = [] if self.nothing_yet else self.names()
        there = []
        for user in self.wanted:
            why, secret = "", self.secrets.get(user["secret"])
            if not secret:
                why = "the secrets file does not have its password"
            elif rights.user_name(user["name"], secret) not in self.known:
                why = "there is no such user"
            elif user["secret"] in renew:
                why = "its password is to be renewed"
            if why:
                self._make(user, why)
            else:
                there.append((rights.user_name(user["name"], str(secret)), user["privilege"]))
        statements = ["SHOW GRANTS FOR %s" % identifier(name) for name, _ in there]
        rows = self.admin.each(statements, "show grants")
        for (name, privilege), granted in zip(there, rows):  # noqa: B905
            self.grants(name, privilege.upper(), granted)

    def _make(self, user: Dict[str, Any], why: str) -> None:
        self.replaced.append(user["secret"])
        name = "password " + user["secret"]
        self.differences.append({"name": name, "action": "create", "why": why})
        if self.check:
            return
        secret = rights.new_secret()
        name = rights.user_name(user["name"], secret)
        # As one secret, "name:password", Telegraf's login changes at once (RFC 7617); what it puts
        # behind it for an empty password is a colon.
        password = secret + ":" if user.get("joined") else secret
        statements = (
            "CREATE USER %s WITH PASSWORD %s" % (identifier(name), string(password)),
            "GRANT %s ON %s TO %s"
            % (user["privilege"].upper(), identifier(self.entry["database"]), identifier(name)),
        )
        for statement in statements:
            self.admin.rows(statement, "create the user " + name)
        self.made[user["secret"]] = secret

    def grants(self, name: str, privilege: str, rows: List[Dict[str, Any]]) -> None:
        """See that a user may do just that, in the database alone."""
        database = self.entry["database"]
        grants = {row["database"]: row["privilege"] for row in rows}
        for other, had in sorted(grants.items()):
            if other != database and had != "NO PRIVILEGES":
                self.differs(
                    "user " + name,
                    "change",
                    "it may %s in %s" % (had, other),
                    "REVOKE ALL PRIVILEGES ON %s FROM %s" % (identifier(other), identifier(name)),
                )
        if grants.get(database) != _PRIVILEGES[privilege]:
            self.differs(
                "user " + name,
                "change",
                "it may not just %s in %s" % (privilege, database),
                # GRANT replaces what was granted on that database before.
                "GRANT %s ON %s TO %s" % (privilege, identifier(database), identifier(name)),
            )

    def stale(self) -> List[Dict[str, Any]]:
        """The known users of ours that are not (or not any more) those of the secrets file."""
        rightful = {
            rights.user_name(each["name"], self.secrets[each["secret"]])
            for each in self.wanted
            if each["secret"] in self.secrets and each["secret"] not in self.replaced
        }
        found = []
        for text in self.known:
            owned = rights.owners(self.entry, self.wanted, rights.user(text))
            if owned is not None and text not in rightful and text != self.entry["username"]:
                why = "it is not that of the secrets file any more"
                found.append({"id": text, "name": "user " + text, "why": why, "owners": owned})
        return found

    def drop(self, user: Mapping[str, Any]) -> None:
        """Drop a user."""
        self.admin.rows("DROP USER %s" % identifier(user["id"]), "drop the user " + user["id"])

    def seen(self, since: Mapping[str, float]) -> Dict[str, float]:
        """When hosts last wrote, by their own clock."""
        status, answer = call_patiently(
            self.admin.url,
            seconds=self.patience,
            method="POST",
            headers=self.admin.headers,
            form={
                "db": self.entry["database"], "epoch": "ms", "q": rights.seen_query(since.values()),
            },
        )  # fmt: skip
        return rights.seen_times(answer) if status == 200 else {}


def _shard(seconds: int) -> str:
    """The shard duration that InfluxDB gives a new policy (docs, influxql/manage-database).

    One that is longer than the retention is refused, so it must change with it.
    """
    if not seconds or seconds > 180 * 86400:
        return "168h"
    return "24h" if seconds >= 2 * 86400 else "1h"


def _seconds(duration: str) -> int:
    """The seconds of a Go duration as InfluxDB prints it (720h0m0s); 0 is for ever."""
    total, number = 0, ""
    for character in duration:
        if character.isdigit():
            number += character
        elif number:
            total += int(number) * {"h": 3600, "m": 60, "s": 1}.get(character, 0)
            number = ""
    return total

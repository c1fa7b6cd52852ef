"""InfluxDB 1: what the state entry of the manifest wants, against what the server has.

Everything goes by POST to /query (docs.influxdata.com/influxdb/v1/tools/api/#query-http-endpoint),
and nothing secret is in a URL. Known to work from 1.6 on.
"""

from __future__ import annotations

from typing import Any, Dict, List

from ansible.module_utils.provision import retention
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
        result = answer["results"][0] if isinstance(answer, dict) and "results" in answer else {}
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
    entry: Dict[str, Any], secrets: Dict[str, str], *, check: bool, patience: float = 30
) -> Dict[str, Any]:
    """Bring the server to what entry wants, or in check say what would be done.

    Gives {"differences": [{"name", "action", "why"}], "secrets": {}}; raises ServiceError.
    """
    work = _Convergence(entry, secrets, check, patience)
    work.administrator()
    work.database()
    work.users()
    return {"differences": work.differences, "secrets": {}}


class _Convergence:
    def __init__(
        self, entry: Dict[str, Any], secrets: Dict[str, str], check: bool, patience: float
    ) -> None:
        self.entry, self.secrets, self.check, self.patience = entry, secrets, check, patience
        self.differences: List[Dict[str, str]] = []
        self.admin = self.login(entry["username"], secrets["influxdb_admin_password"])
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
        name, password = self.entry["username"], self.secrets["influxdb_admin_password"]
        statement = "CREATE USER %s WITH PASSWORD %s WITH ALL PRIVILEGES" % (
            identifier(name),
            string(password),
        )
        status, answer = self.admin.ask("SHOW USERS")
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

    def users(self) -> None:
        known = (
            []
            if self.nothing_yet
            else [row["user"] for row in self.admin.rows("SHOW USERS", "show its users")]
        )
        for user in self.entry["users"]:
            name, password = user["name"], self.secrets[user["secret"]]
            if name not in known:
                self.differs(
                    "user " + name,
                    "create",
                    "there is no such user",
                    "CREATE USER %s WITH PASSWORD %s" % (identifier(name), string(password)),
                )
            elif not self.accepts(name, password):
                self.differs(
                    "user " + name,
                    "change",
                    "its password is another",
                    "SET PASSWORD FOR %s = %s" % (identifier(name), string(password)),
                )
            self.grants(name, user["privilege"].upper(), known=name in known)

    def accepts(self, name: str, password: str) -> bool:
        """Whether name logs in with password: /query, as 1.6 knows no other way to ask."""
        status, _ = self.login(name, password).ask("SHOW DATABASES")
        return bool(status != 401)

    def grants(self, name: str, privilege: str, *, known: bool) -> None:
        database = self.entry["database"]
        rows = (
            self.admin.rows("SHOW GRANTS FOR %s" % identifier(name), "show grants") if known else []
        )
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

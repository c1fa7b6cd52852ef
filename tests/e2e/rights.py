"""What lets in to a site's InfluxDB, and what can be tried with it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from provision.credentials import READER, fingerprint, write_secret, writer
from tests.e2e.operating import Site, ask, basic


def engine(site: Site) -> int:
    return site.stage.source.engine


def url(site: Site) -> str:
    return site.stage.fleet.site.influxdb_url


def write_name(site: Site, worker: str) -> str:
    """The name of the secret with which a worker writes."""
    return write_secret(worker, engine(site))


def writes(site: Site, worker: str, secret: str | None = None) -> dict[str, str]:
    """The header of a worker's Telegraf, or of one that has that secret."""
    secret = secret or site.secrets[write_name(site, worker)]
    if engine(site) == 2:
        return {"Authorization": f"Token {secret}"}
    return basic(f"{writer(worker)}-{fingerprint(secret)}", f"{secret}:")


def reads(site: Site, secret: str | None = None) -> dict[str, str]:
    """The header of Grafana's datasource, by its secret or another."""
    secret = secret or site.secrets[site.stage.fleet.site.read_secret]
    if engine(site) == 2:
        return {"Authorization": f"Token {secret}"}
    return basic(f"{READER}-{fingerprint(secret)}", secret)


def administers(site: Site) -> dict[str, str]:
    """The header of whoever may do everything."""
    secrets = site.secrets
    if engine(site) == 2:
        return {"Authorization": f"Token {secrets['influxdb_operator_token']}"}
    return basic("admin", secrets["influxdb_admin_password"])


def write(
    site: Site, header: Mapping[str, str], point: str = "tried value=1", into: str = "telegraf"
) -> int:
    """The status of writing a point, each way that the engine has: the best of them."""
    paths = [f"/write?db={into}"]
    if engine(site) == 2:
        paths.append(f"/api/v2/write?org=provision&bucket={into}")
    return min(ask(url(site) + path, headers=header, body=point)[0] for path in paths)


def query(site: Site, header: Mapping[str, str], text: str) -> tuple[int, str]:
    return ask(f"{url(site)}/query?db=telegraf", headers=header, form={"q": text})


def sees(site: Site, measurement: str) -> bool:
    """Whether a measurement is in the database, asked with Grafana's rights."""
    status, answer = query(site, reads(site), f"SELECT * FROM {measurement}")
    assert status == 200, answer
    return f'"name":"{measurement}"' in answer


def forbidden(site: Site, header: Mapping[str, str]) -> list[str]:
    """Lists, deletions and changes that only an administrator may; those that were allowed.

    DELETE and DROP SERIES are not among them: to InfluxDB 1 they are writing.
    """
    found = []
    if engine(site) == 1:
        for text in (
            *("SHOW USERS", "SHOW GRANTS FOR admin", "CREATE DATABASE theirs"),
            *("DROP MEASUREMENT tried", "DROP DATABASE telegraf", "DROP USER admin"),
            *("CREATE USER theirs WITH PASSWORD 'x' WITH ALL PRIVILEGES",),
        ):
            status, answer = query(site, header, text)
            if status not in (401, 403) and '"error"' not in answer:
                found.append(text)
        return found
    for path in ("users", "buckets", "authorizations", "dbrps?org=provision"):
        status, answer = ask(f"{url(site)}/api/v2/{path}", headers=header)
        listed = json.loads(answer).get(path.split("?")[0], []) if status == 200 else []
        if [each for each in listed if each.get("name") != "telegraf"]:
            found.append(f"GET {path}")
    for path, body in (
        ("authorizations", {"orgID": "0" * 16, "permissions": []}),
        ("users", {"name": "theirs"}),
    ):
        status, _ = ask(
            f"{url(site)}/api/v2/{path}",
            headers={**header, "Content-Type": "application/json"},
            body=json.dumps(body),
        )
        if status < 400:
            found.append(f"POST {path}")
    return found


def assert_removes_no_one_new(site: Site, told: str) -> None:
    """What is told to be removed is what was before."""
    marks = {fingerprint(secret) for secret in site.secrets.values()}
    removed = [line for line in told.splitlines() if re.search(r"remove \d* ?(token|user)", line)]
    assert removed
    assert not [line for line in removed if any(mark in line for mark in marks)]

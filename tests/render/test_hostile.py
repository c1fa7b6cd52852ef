"""Nothing that an inventory or a catalog says becomes code in what is rendered of it.

Where a language has no way to write a text down, or a program would take it for something else, the
rendering stops: what is wrong is then told before anything is on a host.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.applications import Target, read_application
from provision.catalog.model import Catalog
from provision.errors import InvalidInput
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from provision.render.manifest import manifest
from provision.render.targets import RenderedFile
from provision.render.telegraf import DOCUMENTED_TEMPLATE, Documented, telegraf_values
from provision.render.tree import Renderer
from provision.site.model import Host, Site
from provision.templating import Literal, environment
from tests.conftest import CASES
from tests.hostile import HOSTILE

Catalogs = Mapping[str, Catalog]
Make = Callable[..., Fleet]
D = "/etc/telegraf/telegraf.d"


@pytest.fixture(scope="module")
def site() -> Site:
    return read_fleet(["-i", str(CASES / "fleet" / "inventory.yml")]).site


def every(site: Site) -> Host:
    return next(host for host in site.workers if host.name.startswith("every"))


@pytest.fixture(scope="module")
def plain(site: Site) -> Renderer:
    return Renderer(site)


@pytest.fixture(scope="module")
def harmless(site: Site, plain: Renderer) -> dict[str, str]:
    return files(every(site), plain)


def files(host: Host, renderer: Renderer) -> dict[str, str]:
    return {file.path: file.text for file in renderer.files(host)}


def source(text: str) -> str:
    """The program of the one processor in a file."""
    (processor,) = tomllib.loads(text)["processors"]["starlark"]
    program: str = processor["source"]
    return program


def values(program: str) -> dict[str, Any]:
    """The values of a Starlark program's variables, which are literals, as all of Starlark's are
    Python's (Starlark specification, Literals).
    """
    return {
        statement.targets[0].id: ast.literal_eval(statement.value)  # type: ignore[attr-defined]
        for statement in ast.parse(program).body
        if isinstance(statement, ast.Assign)
    }


def shape(program: str) -> list[str]:
    """A program without its literals: what it does."""
    blank = ast.parse(program)
    for node in ast.walk(blank):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return [ast.dump(statement) for statement in blank.body]


def labels(fetched: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a target, without the tag by which the processor knows Telegraf's own host."""
    return {name: text for name, text in fetched.get("tags", {}).items() if name != "host"}


def keys(value: Any) -> Any:
    """A parsed file without its texts."""
    if isinstance(value, Mapping):
        return {name: keys(item) for name, item in value.items()}
    if isinstance(value, list):
        return [keys(item) for item in value]
    return type(value)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hosts_name_stays_a_name_in_all_its_files(
    site: Site, plain: Renderer, harmless: Mapping[str, str], name: str
) -> None:
    host = every(site)
    if "$" in name:
        with pytest.raises(ValueError, match="would take for a variable"):
            files(replace(host, name=name), plain)
        return
    found = files(replace(host, name=name), plain)
    assert found.keys() == harmless.keys()
    for path, text in harmless.items():
        if path == "/etc/telegraf/credentials/influxdb":
            assert re.fullmatch(r"\{\{ provision_secrets\.influxdb_write_token_\w+ }}", found[path])
            continue
        if not path.startswith("/etc/telegraf/") or not path.endswith(".conf"):
            assert found[path] == text
            continue
        assert keys(tomllib.loads(found[path])) == keys(tomllib.loads(text))
    assert tomllib.loads(found["/etc/telegraf/telegraf.conf"])["agent"]["hostname"] == name
    for path in (f"{D}/statsd.conf", f"{D}/prometheus.conf"):
        assert values(source(found[path]))["HOST"] == name
        assert shape(source(found[path])) == shape(source(harmless[path]))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_label_stays_a_label_or_is_refused(
    site: Site, plain: Renderer, catalogs: Catalogs, text: str
) -> None:
    given = {"dataclay_targets": [{"url": "b:1", "instance": text}]}
    application, problems = read_application(catalogs["dataclay"], given)
    if application is None:
        assert text == "" or any(ord(c) < 32 or c == "$" for c in text), problems
        return
    changed = replace(every(site), applications=(application,))
    parsed = tomllib.loads(files(changed, plain)[f"{D}/prometheus.conf"])
    (fetched,) = parsed["inputs"]["http"]
    assert labels(fetched) == {"instance": text}
    assert parsed.keys() == {"inputs", "processors"}
    assert fetched["urls"] == ["http://b:1/metrics"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_label_that_was_not_looked_at_stays_one_as_well(
    site: Site, plain: Renderer, text: str
) -> None:
    """What a template does is not for what comes before it to make safe."""
    host = every(site)
    (application,) = [each for each in host.applications if each.targets]
    target = Target("dataclay", "http://b:1/metrics", (("instance", text),))
    changed = replace(host, applications=(replace(application, targets=(target,)),))
    if "$" in text:
        with pytest.raises(ValueError, match="would take for a variable"):
            files(changed, plain)
        return
    parsed = tomllib.loads(files(changed, plain)[f"{D}/prometheus.conf"])
    first, pushed = parsed["inputs"]["http"]
    assert (labels(first), labels(pushed)) == ({"instance": text}, {})


@pytest.mark.parametrize("text", HOSTILE)
def test_a_labels_name_and_a_targets_url_stay_what_they_are(
    site: Site, plain: Renderer, text: str
) -> None:
    host = every(site)
    (application,) = [each for each in host.applications if each.targets]
    named = Target("dataclay", "http://b:1/metrics", ((text, "x"),))
    if text:
        with pytest.raises(ValueError, match="not a plain word"):
            files(replace(host, applications=(replace(application, targets=(named,)),)), plain)
    placed = Target("dataclay", text, (("instance", "x"),))
    changed = replace(host, applications=(replace(application, targets=(placed,)),))
    if "$" in text:
        with pytest.raises(ValueError, match="would take for a variable"):
            files(changed, plain)
        return
    parsed = tomllib.loads(files(changed, plain)[f"{D}/prometheus.conf"])
    assert parsed["inputs"]["http"][0]["urls"] == [text]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_catalog_says_of_buckets_stays_data_in_the_processor(site: Site, text: str) -> None:
    host = every(site)
    jinja = environment()
    path = "telegraf/etc/telegraf/telegraf.d/statsd.conf.j2"
    given = telegraf_values(f"{D}/statsd.conf", host)

    def rendered(word: str) -> str:
        row = Documented(word, (word, f"={word}"), {word: word}, (word,))
        table = jinja.get_template(DOCUMENTED_TEMPLATE).render(documented=[(word, [row])])
        changes = {"documented": Literal(table), "undocumented": word, "apps": [word, word]}
        template = jinja.get_template(path)
        return template.render(host=host, settings=host.settings, **(given | changes))

    program, harmless = source(rendered(text)), source(rendered("plain"))
    assert values(program)["DOCUMENTED"] == {
        text: [(text, [text, f"={text}"], {text: text}, [text])]
    }
    assert shape(program) == shape(harmless)
    assert keys(tomllib.loads(rendered(text))) == keys(tomllib.loads(rendered("plain")))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_catalog_says_of_scraped_names_stays_data_in_the_processor(
    site: Site, plain: Renderer, catalogs: Catalogs, text: str
) -> None:
    """Even what the rules of catalogs let nobody write: it is not they that keep it from it."""
    host = every(site)
    (application,) = [each for each in host.applications if each.targets]

    def rendered(word: str) -> str:
        catalog = application.catalog
        metric = catalog.metrics[0].model_copy(update={"name": word})
        bare = word.replace("*", "")
        ignored = tuple(
            catalog.ignored[0].model_copy(update={"name": name})
            for name in (bare, f"{bare}*", f"*{bare}")
        )
        changed = catalog.model_copy(update={"metrics": (metric,), "ignored": ignored})
        changed_host = replace(host, applications=(replace(application, catalog=changed),))
        return files(changed_host, plain)[f"{D}/prometheus.conf"]

    program, harmless = source(rendered(text)), source(rendered("plain"))
    assert text in values(program)["DOCUMENTED"]
    assert shape(program) == shape(harmless)


@pytest.mark.parametrize("text", HOSTILE)
def test_settings_stay_values_in_grafanas_files_or_are_refused(site: Site, text: str) -> None:
    settings = site.monitor.settings.model_copy(
        update={"influxdb_organization": text, "influxdb_database": text}
    )
    monitor = replace(site.monitor, settings=settings)
    changed = replace(site, hosts=(monitor, *site.workers))
    expected = files(site.monitor, Renderer(replace(site, hosts=(site.monitor,))))
    found = files(monitor, Renderer(replace(site, hosts=(monitor,))))
    assert found.keys() == expected.keys()
    path = "/etc/grafana/provisioning/datasources/provision.yaml"
    if any(ord(c) in {127, *range(128, 160)} for c in text):
        return  # PyYAML takes fewer characters than Grafana's YAML does
    parsed = yaml.safe_load(found[path])
    assert keys(parsed) == keys(yaml.safe_load(expected[path]))
    (datasource,) = parsed["datasources"]
    assert text.replace("$", "$$") in datasource["jsonData"].values()
    if "$" in text:
        return
    written = tomllib.loads(
        files(every(site), Renderer(changed))["/etc/telegraf/telegraf.d/output.conf"]
    )
    (output,) = written["outputs"]["influxdb_v2"]
    assert (output["organization"], output["bucket"]) == (text, text)
    assert written["outputs"].keys() == {"influxdb_v2"}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_plain_file_cannot_hold_stops_the_rendering(site: Site, text: str) -> None:
    """INI, apt's and environment files have no quoting that all who read them agree upon."""
    if not text:
        return
    settings = site.monitor.settings.model_copy(
        update={"grafana_address": text, "influxdata_repository_suite": text}
    )
    monitor = replace(site.monitor, settings=settings)
    with pytest.raises(ValueError, match="is not a plain word"):
        files(monitor, Renderer(replace(site, hosts=(monitor,))))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_manifest_is_json_whatever_a_host_is_called(site: Site, name: str) -> None:
    host = every(site)
    rendered: list[RenderedFile] = list(Renderer(site).files(host))
    found = manifest(replace(host, name=name), site, rendered)
    expected = manifest(host, site, rendered)
    assert json.loads(json.dumps(found)) == expected | {"host": name}


def test_hosts_of_such_names_are_refused_before_anything_is_rendered(
    fleet_of: Make, tmp_path: Path
) -> None:
    """Ansible reads a name in brackets as a range of hosts; the others come as they are."""
    names = [name for name in HOSTILE if name and "[" not in name]
    hosts = {name: {"apps": ["realm"]} for name in names}
    groups = {"monitor": {"hosts": {"m": {}}}, "workers": {"hosts": hosts}}
    with pytest.raises(InvalidInput) as caught:
        fleet_of(json.dumps(groups))
    refused = {problem.where for problem in caught.value.problems}
    assert refused == {repr(name) for name in names}
    assert not any(tmp_path.glob("*/"))


def test_the_files_that_all_hosts_have_are_what_they_are(site: Site, plain: Renderer) -> None:
    """The check that the tests above can fail: with harmless names everything is rendered."""
    found = files(site.monitor, plain)
    parser = configparser.ConfigParser()
    parser.read_string(found["/etc/grafana/grafana.ini"])
    assert parser.sections()
    assert len(shape(source(files(every(site), plain)[f"{D}/statsd.conf"]))) > 5

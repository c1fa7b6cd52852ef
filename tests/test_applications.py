from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.applications import Application, Target, read_application
from provision.catalog.model import Catalog
from provision.errors import InvalidInput
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet

Catalogs = Mapping[str, Catalog]
Make = Callable[..., Fleet]
PREFIX, TARGETS, PUSHES = "django_clickhouse_prefix", "dataclay_targets", "dataclay_pushgateway"
ONE_HOST = """\
monitor: {{hosts: {{m: }}}}
workers:
  hosts:
    w: {{apps: [{app}], {variable}: {value}}}
"""


@pytest.fixture
def django(catalogs: Catalogs) -> Catalog:
    return catalogs["django-clickhouse"]


@pytest.fixture
def dataclay(catalogs: Catalogs) -> Catalog:
    return catalogs["dataclay"]


def read(catalog: Catalog, **given: Any) -> Application:
    application, problems = read_application(catalog, given)
    assert problems == []
    assert application is not None
    return application


def wrong(catalog: Catalog, **given: Any) -> list[str]:
    application, problems = read_application(catalog, given)
    assert application is None
    return [f"{where}: {what}" for where, what in problems]


def prefixes(application: Application) -> tuple[str, ...]:
    return application.catalog.placeholders["prefix"].values or ()


def test_the_variables_are_named_after_the_application(catalogs: Catalogs) -> None:
    assert catalogs["django-clickhouse"].variables == {PREFIX}
    assert catalogs["dataclay"].variables == {TARGETS, PUSHES}
    assert catalogs["realm"].variables == set()


def test_a_setting_that_nobody_gives_is_the_documented_default(django: Catalog) -> None:
    assert prefixes(read(django)) == ("clickhouse",)
    assert prefixes(read(django, **{PREFIX: None})) == ("clickhouse",)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("shop", ("shop",)),
        ("shop.eu-1.clickhouse", ("shop.eu-1.clickhouse",)),
        (["shop", "blog.clickhouse"], ("shop", "blog.clickhouse")),
        ("shop, blog.clickhouse", ("shop", "blog.clickhouse")),
        ("shop blog", ("shop", "blog")),
        (7, ("7",)),
        ([7, "shop"], ("7", "shop")),
    ],
)
def test_a_setting_is_one_value_or_several(
    django: Catalog, given: object, expected: tuple[str, ...]
) -> None:
    application = read(django, **{PREFIX: given})
    assert prefixes(application) == expected
    buckets = {str(p) for p in application.catalog.patterns(application.catalog.metrics[0])}
    assert buckets == {f"{prefix}.sync.<model>.queue" for prefix in expected}
    # The catalog that all hosts share stays as it was.
    assert django.placeholders["prefix"].values == ("clickhouse",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a..b", "'a..b'"),
        (".a", "'.a'"),
        ("a.", "'a.'"),
        (["a b"], "'a b'"),
        ("a\nb c:d", "'c:d'"),
        (["ok", "a|b"], "'a|b'"),
        (["a\n"], "'a\\n'"),
        (["<model>"], "'<model>'"),
        ("é", "'é'"),
        (["{{ x }}"], "'{{ x }}'"),
        ([True], "True"),
        (True, "True"),
        (1.10, "1.1"),
        ([None], "None"),
        ([["a"]], "['a']"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_what_cannot_stand_in_a_bucket_is_refused(
    django: Catalog, given: object, said: str
) -> None:
    (problem,) = wrong(django, **{PREFIX: given})
    assert problem.startswith(f"{PREFIX}: {said}")
    assert problem.endswith("give segments of letters, digits, _ and -, joined by dots")


@pytest.mark.parametrize("given", [["a", "b", "a"], "a, b, a", [7, "7", "b"]])
def test_the_same_value_twice_is_told(django: Catalog, given: object) -> None:
    (problem,) = wrong(django, **{PREFIX: given})
    assert problem.endswith("stands there twice")


@pytest.mark.parametrize("given", [[], "", " , "])
def test_a_setting_without_a_value_is_told(django: Catalog, given: object) -> None:
    assert wrong(django, **{PREFIX: given}) == [f"{PREFIX}: give at least one value"]


def test_without_targets_it_is_fetched_where_it_documents_that_it_can_be(dataclay: Catalog) -> None:
    assert dataclay.scrape is not None
    place = f"127.0.0.1:{dataclay.scrape.port}"
    expected = Target("dataclay", f"http://{place}/metrics", (("instance", place),))
    assert read(dataclay) == Application(dataclay, (expected,), pushgateway=False)


def test_what_pushes_is_not_fetched_unless_the_inventory_says_so(dataclay: Catalog) -> None:
    assert read(dataclay, **{PUSHES: True}) == Application(dataclay, (), pushgateway=True)
    both = read(dataclay, **{PUSHES: True, TARGETS: ["b:1"]})
    assert [target.url for target in both.targets] == ["http://b:1/metrics"]
    assert both.pushgateway
    assert read(dataclay, **{TARGETS: []}) == Application(dataclay, (), pushgateway=False)


@pytest.mark.parametrize(
    ("entry", "url", "instance"),
    [
        ("b1:8000", "http://b1:8000/metrics", "b1:8000"),
        ("b-1.example.com:80", "http://b-1.example.com:80/metrics", "b-1.example.com:80"),
        ("[2001:db8::1]:8000", "http://[2001:db8::1]:8000/metrics", "[2001:db8::1]:8000"),
        ("http://b1:8000", "http://b1:8000/metrics", "b1:8000"),
        ("https://b1", "https://b1/metrics", "b1"),
        ("http://b1:8000/own", "http://b1:8000/own", "b1:8000"),
        ("http://b1:8000/", "http://b1:8000/", "b1:8000"),
        ("http://b1:8000?name[]=x", "http://b1:8000/metrics?name[]=x", "b1:8000"),
        ("http://[2001:db8::1]:8000/own", "http://[2001:db8::1]:8000/own", "[2001:db8::1]:8000"),
        ({"url": "b1:8000"}, "http://b1:8000/metrics", "b1:8000"),
        ({"url": "https://b1/own", "instance": "x y"}, "https://b1/own", "x y"),
    ],
)
def test_a_target_is_a_place_a_url_or_a_mapping(
    dataclay: Catalog, entry: object, url: str, instance: str
) -> None:
    application = read(dataclay, **{TARGETS: [entry]})
    assert application.targets == (Target("dataclay", url, (("instance", instance),)),)


def test_a_text_is_as_many_targets_as_it_has_words(dataclay: Catalog) -> None:
    found = read(dataclay, **{TARGETS: "b1:1, b2:2 http://b3/m"}).targets
    assert [target.url for target in found] == [
        "http://b1:1/metrics",
        "http://b2:2/metrics",
        "http://b3/m",
    ]


def test_the_labels_of_a_target_are_those_that_the_catalog_documents(dataclay: Catalog) -> None:
    (target,) = read(dataclay, **{TARGETS: [{"url": "b:1", "service": "backend"}]}).targets
    assert target.labels == (("instance", "b:1"), ("service", "backend"))
    (target,) = read(dataclay, **{TARGETS: [{"url": "b:1", "instance": 7}]}).targets
    assert target.labels == (("instance", "7"),)


def test_an_open_label_takes_any_value_that_a_tag_can_have(dataclay: Catalog) -> None:
    service = dataclay.placeholders["service"]
    opened = service.model_copy(update={"values": None, "examples": ("x",)})
    catalog = dataclay.model_copy(update={"placeholders": {"service": opened}})
    for value in ("any thing", 'a"b', "a,b=c", "é", "{{ x }}", "]]", "'''"):
        (target,) = read(catalog, **{TARGETS: [{"url": "b:1", "service": value}]}).targets
        assert dict(target.labels)["service"] == value
    nothing: tuple[object, ...] = ("", "a\nb", "${X}", "\x00", None, ["a"], {"a": 1}, True, 1.5)
    for given in nothing:
        (problem,) = wrong(catalog, **{TARGETS: [{"url": "b:1", "service": given}]})
        assert problem.endswith("cannot be the value of a tag")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"url": "b:1", "zone": "eu"}, "no such label 'zone': there are url, instance, service"),
        ({"url": "b:1", "host": "x"}, "no such label 'host'"),
        ({"url": "b:1", "service": "front"}, "label service: 'front' is none of backend, client"),
        ({"url": "b:1", "instance": ""}, "label instance: '' cannot be the value of a tag"),
        ({"service": "backend"}, "host:port, a URL, or a mapping with url is wanted"),
        (8000, "host:port, a URL, or a mapping with url is wanted (found 8000)"),
        (None, "host:port, a URL, or a mapping with url is wanted"),
        (["b:1"], "host:port, a URL, or a mapping with url is wanted"),
        ("b", "its port is missing: write b:8000 (found 'b')"),
        ("1.2.3.4", "its port is missing: write 1.2.3.4:8000"),
        ({"url": "[::1]"}, "its port is missing: write [::1]:8000"),
        ("::1:8000", "a URL begins with http:// or https:// (found"),
        ("ftp://b", "a URL begins with http://"),
        ("file:///etc/shadow", "a URL begins with http:// or https:// (found"),
        ("http://", "a URL begins with http://"),
        ("http://:8000", "metrics are fetched from a host"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("b:0", "the port of a URL is a number"),
        ("b:65536", "the port of a URL is a number"),
        ("http://b:eighty", "the port of a URL is a number"),
        ("http://b/#there", "metrics are fetched from a host, a port and a path"),
        ("http://b/'''", "a URL has no white space, quotes"),
        ("http://b/{{x}}", "a URL has no white space, quotes"),
        ("http://b/${HOME}", "a URL has no white space, quotes"),
        ({"url": "http://b/ x"}, "a URL has no white space, quotes"),
        ({"url": 'b:1/"\n'}, "a URL "),
    ],
)
def test_what_is_no_target_is_told_with_its_place(
    dataclay: Catalog, entry: object, expected: str
) -> None:
    (problem,) = wrong(dataclay, **{TARGETS: ["good:1", entry]})
    assert problem.startswith(f"{TARGETS}[1]: {expected}")


def test_a_password_in_a_targets_url_is_refused_and_not_repeated(dataclay: Catalog) -> None:
    (problem,) = wrong(dataclay, **{TARGETS: [{"url": "http://admin:hunter2@b:1"}]})
    assert "a URL holds no user name or password here" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("given", [{"url": "b:1"}, 8000, True])
def test_targets_are_a_list(dataclay: Catalog, given: object) -> None:
    (problem,) = wrong(dataclay, **{TARGETS: given})
    assert problem == f"{TARGETS}: a list of host:port, of URLs, or of mappings with url"


def test_two_targets_that_nothing_tells_apart_are_both_told(dataclay: Catalog) -> None:
    problems = wrong(dataclay, **{TARGETS: ["b:1", "http://b:1/other", "c:1"]})
    assert problems == [
        f"{TARGETS}: http://b:1/metrics has the labels of another: give it an instance of its own",
        f"{TARGETS}: http://b:1/other has the labels of another: give it an instance of its own",
    ]
    apart = [{"url": "b:1", "instance": "x"}, {"url": "b:1", "instance": "y"}]
    assert len(read(dataclay, **{TARGETS: apart}).targets) == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [(True, True), ("true", True), ("yes", True), (1, True), (False, False), ("False", False)],
)
def test_pushing_is_a_yes_or_a_no_however_it_is_written(
    dataclay: Catalog, given: object, expected: bool
) -> None:
    assert read(dataclay, **{PUSHES: given}).pushgateway is expected


@pytest.mark.parametrize("given", ["maybe", 2, [], "http://127.0.0.1:9091", {"a": 1}])
def test_what_is_neither_yes_nor_no_is_refused(dataclay: Catalog, given: object) -> None:
    assert wrong(dataclay, **{PUSHES: given}) == [f"{PUSHES}: true or false, not {given!r}"]


def test_everything_that_is_wrong_is_told_at_once(dataclay: Catalog) -> None:
    problems = wrong(
        dataclay, **{PUSHES: "maybe", TARGETS: [1, {"url": "b:1", "a": 1, "service": "x"}]}
    )
    assert [problem.split(":")[0] for problem in problems] == [
        PUSHES,
        f"{TARGETS}[0]",
        f"{TARGETS}[1]",
        f"{TARGETS}[1]",
    ]


def test_values_that_are_templates_are_what_ansible_makes_of_them(fleet_of: Make) -> None:
    text = ONE_HOST.format(app="dataclay", variable=TARGETS, value="'{{ places }}'")
    text += "all: {vars: {places: [{url: 'b:1', service: '{{ kind }}'}], kind: backend}}\n"
    (target,) = fleet_of(text).site.workers[0].targets
    assert target.url == "http://b:1/metrics"
    assert dict(target.labels)["service"] == "backend"


def test_an_ini_inventory_says_all_of_it_too(tmp_path: Path) -> None:
    """Below [group:vars] all values are texts (Ansible documentation, Building inventories)."""
    path = tmp_path / "hosts.ini"
    path.write_text(
        "[monitor]\nm\n[workers]\n"
        f"w1 {PREFIX}=shop {PUSHES}=true\n"
        f'w2 {PREFIX}=\'["shop", "blog"]\' {TARGETS}=\'[{{"url": "b:1"}}]\'\n'
        f"[workers:vars]\napps=django-clickhouse,dataclay\n{TARGETS}=c:1 d:2\n{PUSHES}=no\n"
    )
    first, second = read_fleet(["-i", str(path)]).site.workers
    assert [target.url for target in first.targets] == ["http://c:1/metrics", "http://d:2/metrics"]
    assert (first.pushgateway, second.pushgateway) == (True, False)
    assert [target.url for target in second.targets] == ["http://b:1/metrics"]
    assert [prefixes(host.applications[0]) for host in (first, second)] == [
        ("shop",),
        ("shop", "blog"),
    ]


def test_extra_variables_are_texts_and_count_as_well(fleet_of: Make) -> None:
    text = ONE_HOST.format(app="dataclay", variable=PUSHES, value="false")
    host = fleet_of(text, "-e", f"{PUSHES}=true", "-e", f"{TARGETS}=b:1,c:2").site.workers[0]
    assert host.pushgateway
    assert [target.url for target in host.targets] == ["http://b:1/metrics", "http://c:2/metrics"]


def test_what_is_wrong_is_told_with_the_host_that_has_it(fleet_of: Make) -> None:
    text = ONE_HOST.format(app="dataclay", variable=TARGETS, value="[x, 'b:1']")
    with pytest.raises(InvalidInput) as caught:
        fleet_of(text)
    (problem,) = caught.value.problems
    assert (problem.host, problem.where) == ("w", f"{TARGETS}[0]")
    with pytest.raises(InvalidInput, match=r"dataclay_target: no such variable; did you mean"):
        fleet_of(ONE_HOST.format(app="dataclay", variable="dataclay_target", value="[b]"))


def test_a_variable_of_an_application_that_is_not_there_means_nothing(fleet_of: Make) -> None:
    host = fleet_of(ONE_HOST.format(app="realm", variable=TARGETS, value="[x]")).site.workers[0]
    assert host.targets == ()

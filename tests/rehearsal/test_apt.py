from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal import apt

DEB822 = """\
# Debian
Types: deb deb-src
URIs: http://mirror.example.com/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/example.gpg

Types: deb
URIs: http://mirror.example.com/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEX
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example.com/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://src.example.com/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
deb http://mirror.example.com/debian/ bookworm main # all
deb [arch=amd64 signed-by=/k.gpg] http://other.example.com/apt nodistro main extra
# deb http://off.example.com/debian bookworm main
deb-src http://mirror.example.com/debian bookworm main
"""


def test_deb822_gives_one_source_for_each_uri_and_suite() -> None:
    sources = list(apt.parse_deb822(DEB822))
    assert [(s.uri, s.suite, s.components) for s in sources] == [
        ("http://mirror.example.com/debian", "bookworm", ("main", "contrib")),
        ("http://mirror.example.com/debian", "bookworm-updates", ("main", "contrib")),
        ("http://mirror.example.com/debian-security", "bookworm-security", ("main",)),
    ]
    assert sources[0].keyring == Path("/usr/share/keyrings/example.gpg")
    assert sources[2].keyring is None, "a key within the file is no path"


def test_one_line_sources() -> None:
    sources = list(apt.parse_one_line(ONE_LINE))
    assert [(s.uri, s.suite, s.components) for s in sources] == [
        ("http://mirror.example.com/debian/", "bookworm", ("main",)),
        ("http://other.example.com/apt", "nodistro", ("main", "extra")),
    ]
    assert sources[1].keyring == Path("/k.gpg")


def test_the_machines_own_debian_sources_are_taken_and_no_others() -> None:
    sources = [*apt.parse_deb822(DEB822), *apt.parse_one_line(ONE_LINE)]
    mirror = apt.choose(sources)
    assert mirror.uri == "http://mirror.example.com/debian"
    assert mirror.keyring == Path("/usr/share/keyrings/example.gpg")
    assert {s.uri.rstrip("/") for s in mirror.sources} == {
        "http://mirror.example.com/debian",
        "http://mirror.example.com/debian-security",
    }


def test_another_debian_suites_mirror_has_this_suite_too() -> None:
    trixie = apt.Source("http://mirror.example.com/debian", "trixie", ("main",))
    mirror = apt.choose([trixie])
    assert [s.suite for s in mirror.sources] == ["bookworm", "bookworm-updates"]
    assert {s.uri for s in mirror.sources} == {trixie.uri}


def test_without_a_debian_mirror_the_error_says_how_to_name_one() -> None:
    ubuntu = apt.Source("http://mirror.example.com/ubuntu", "noble", ("main",))
    with pytest.raises(ProvisionError) as caught:
        apt.choose([ubuntu])
    assert caught.value.remedy and apt.MIRROR_VARIABLE in caught.value.remedy
    assert apt.choose([ubuntu], override="http://m/debian").uri == "http://m/debian"


def test_a_sources_line_names_the_copied_key_and_keeps_other_options() -> None:
    source = apt.Source(
        "http://m/debian", "bookworm", ("main",), (("signed-by", "/a"), ("trusted", "yes"))
    )
    line = source.line(Path("/k.gpg"))
    assert line == "deb [trusted=yes signed-by=/k.gpg] http://m/debian bookworm main"


@pytest.mark.parametrize(
    ("settings", "proxy"),
    [
        ("", None),
        ('Acquire::http::Proxy "http://proxy:3128";\n', "http://proxy:3128"),
        ('Acquire::https::Proxy "http://proxy:3128";\n', None),
    ],
)
def test_the_proxy_of_apt(settings: str, proxy: str | None) -> None:
    assert apt.Mirror("u", (), Path("k"), settings).proxy == proxy


def test_a_resolver_on_loopback_is_replaced_by_the_one_behind_it(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    real.write_text("nameserver 192.0.2.53\n")
    stub.write_text("nameserver 127.0.0.53\noptions edns0\n")
    assert apt.resolver(stub, real) == "nameserver 192.0.2.53\n"
    stub.write_text("nameserver 192.0.2.1\n")
    assert apt.resolver(stub, real) == "nameserver 192.0.2.1\n"
    assert apt.resolver(tmp_path / "none", tmp_path / "neither") == ""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from provision.catalog.model import Catalog
from provision.cli import run
from provision.dashboards.build import build_dashboard
from provision.dashboards.pictures import BROWSERS, find_browser, take_pictures
from provision.errors import ProvisionError


def test_a_browser_is_found_by_any_of_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProvisionError, match="no Chromium") as told:
        find_browser()
    assert told.value.remedy == "apt install chromium"
    program = tmp_path / BROWSERS[1]
    program.touch(mode=0o755)
    assert find_browser() == str(program)


def test_what_drives_a_browser_is_missed_before_anything_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ProvisionError, match="need Playwright") as told:
        find_browser()
    # A package of this project's name may be somebody else's where packages come from.
    assert told.value.remedy == f"{sys.executable} -m pip install playwright"


def test_a_browser_that_ends_at_once_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, realm: Catalog
) -> None:
    pytest.importorskip("playwright", reason="no Playwright is installed")
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ProvisionError, match=r"http://192\.0\.2\.1:3000: the browser shows no"):
        take_pictures(
            "http://192.0.2.1:3000",
            ("admin", "x"),
            [build_dashboard(realm)],
            tmp_path / "out",
            widths=[1280],
            themes=["light"],
            span="300s",
        )


@pytest.mark.parametrize(("span", "message"), [("5", "--for '5'"), ("30s", "too short")])
def test_a_span_that_shows_nothing_is_refused_before_any_host_is_booted(
    span: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dashboards", "preview", "--for", span]) == 1
    assert message in capsys.readouterr().err

"""Pictures of dashboards, as a browser without a screen shows them."""

from __future__ import annotations

import base64
import importlib.util
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.dashboards.model import Dashboard
from provision.errors import ProvisionError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Grafana's grid: what one row of it is high, and what stands above it, in pixels.
_CELL, _ABOVE = 38, 260
# How long a dashboard may take to be there, in ms.
_PATIENCE = 60_000
# What Grafana puts into the corner of a panel that failed: 9, and 10 to 13.
_FAILED = ".panel-info-corner--error, [data-testid='data-testid Panel status error']"


@dataclass(frozen=True)
class Picture:
    """A picture that was taken, and what did not go well on it."""

    path: Path
    faults: tuple[str, ...]


def find_browser() -> str:
    """The path of a Chromium. Raises ProvisionError where that is lacking, or what drives it."""
    if importlib.util.find_spec("playwright") is None:
        raise ProvisionError(
            "pictures need Playwright, which is not installed",
            remedy=f"{sys.executable} -m pip install playwright",
        )
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise ProvisionError("no Chromium is installed", remedy="apt install chromium")


def take_pictures(
    url: str,
    login: tuple[str, str],
    dashboards: Sequence[Dashboard],
    directory: Path,
    *,
    widths: Sequence[int],
    themes: Sequence[str],
    span: str,
) -> list[Picture]:
    """Write `<directory>/<uid>-<width>-<theme>.png` of each dashboard, the last span of it.

    widths are in pixels; login is a user's name and password. Raises ProvisionError where there is
    no browser, or Grafana does not show a dashboard.
    """
    browser = find_browser()
    from playwright.sync_api import Error, sync_playwright

    directory.mkdir(parents=True, exist_ok=True)
    taken = []
    try:
        with sync_playwright() as playwright:
            chromium = launched(playwright, browser)
            for width in widths:
                context = signed_in(chromium, login, width)
                for theme in themes:
                    for each in dashboards:
                        path = directory / f"{each.uid}-{width}-{theme}.png"
                        where = f"{url}/d/{each.uid}?theme={theme}&from=now-{span}&to=now"
                        page = context.new_page()
                        taken.append(Picture(path, _take(page, where, each, width, path)))
                        page.close()
                context.close()
            chromium.close()
    except Error as error:
        said = " ".join(error.message.split())[:300]
        raise ProvisionError(f"{url}: the browser shows no dashboard: {said}") from error
    return taken


def launched(playwright: Any, browser: str) -> Any:
    """A Chromium of Playwright's, by its path, without a screen."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    return playwright.chromium.launch(executable_path=browser, args=arguments)


def signed_in(chromium: Any, login: tuple[str, str], width: int, height: int = 1080) -> Any:
    """A window of so many pixels that is logged in to Grafana; login is as in take_pictures()."""
    pair = base64.b64encode(":".join(login).encode()).decode()
    return chromium.new_context(
        extra_http_headers={"Authorization": f"Basic {pair}"},
        viewport={"width": width, "height": height},
    )


def _take(page: Any, where: str, dashboard: Dashboard, width: int, path: Path) -> tuple[str, ...]:
    """Take one picture, high enough for all rows; what was complained of meanwhile."""
    faults: list[str] = []

    def answered(response: Any) -> None:
        if response.status >= 400 and "/api/" in response.url:
            faults.append(f"{response.status} {response.url}")

    page.on("response", answered)
    bottom = max((place.y + place.h for row in dashboard.rows for place in _places(row)), default=0)
    # Panels out of sight are not asked for, so all are in sight.
    page.set_viewport_size({"width": width, "height": bottom * _CELL + _ABOVE})
    page.goto(where, timeout=_PATIENCE, wait_until="networkidle")
    page.wait_for_selector(".react-grid-layout", timeout=_PATIENCE)
    page.wait_for_load_state("networkidle", timeout=_PATIENCE)
    page.wait_for_timeout(1000)  # lines are drawn a moment after their data came
    faults += [
        f"a panel failed: {e.text_content() or ''}" for e in page.query_selector_all(_FAILED)
    ]
    page.screenshot(path=str(path))
    return tuple(faults)


def _places(row: Any) -> list[Any]:
    return [row.position, *(() if row.collapsed else (panel.position for panel in row.panels))]

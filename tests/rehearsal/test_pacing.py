"""Telegraf gathers at whole multiples of its interval; what must stay together keeps away."""

from __future__ import annotations

import time

import pytest

from provision.rehearsal.pacing import share_an_interval


@pytest.mark.parametrize("interval", [1, 2, 10, 60])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.29, 0.5, 0.61, 0.99, 0.9999])
def test_no_gathering_is_near(
    monkeypatch: pytest.MonkeyPatch, interval: float, share: float
) -> None:
    now = [1_800_000_000 * interval + share * interval]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    before = now[0]
    share_an_interval(interval)
    assert 0 <= now[0] - before < interval
    phase = now[0] % interval
    assert phase >= 0.299 and interval - phase >= 0.399


def test_amid_an_interval_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_005.0)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    share_an_interval(10)

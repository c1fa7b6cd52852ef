"""How services are started, and what is told of one that does not work, with a false systemctl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import services

WANTED: dict[str, Any] = {
    "services": [{"name": "telegraf"}],
    "timeout": 2,
    "stable_seconds": 0,
}
#: What systemd says of one that it ended, and refuses to start while the host goes down.
ENDED = """#!/bin/sh
case "$*" in
is-system-running) echo {state}; exit 1;;
*" restart "*) echo 'Transaction is destructive' >&2; exit 1;;
show*) printf 'LoadState=loaded\\nActiveState=inactive\\nSubState=dead\\nResult=success\\n';;
esac
"""


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A host, in this state, on which a service has ended."""
    program = tmp_path / "systemctl"
    program.write_text(ENDED.format(state=request.param))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@pytest.mark.parametrize("ended", ["stopping"], indirect=True)
def test_a_host_that_is_shut_down_is_why_nothing_runs_and_nothing_can_be_started(
    ended: None,
) -> None:
    with pytest.raises(services.NotWorkingError) as waited:
        services.await_working(WANTED)
    with pytest.raises(services.NotWorkingError) as started:
        services.start(WANTED["services"], restart=True, daemon_reload=False)
    for caught in (waited, started):
        result = caught.value.result()
        assert result["stopping"] is True
        assert result["problem"] == "The host is being shut down."
        assert result["remedy"].startswith("run again once it is up")


@pytest.mark.parametrize("ended", ["running", "degraded"], indirect=True)
def test_on_a_host_that_runs_the_service_itself_is_to_blame(ended: None) -> None:
    with pytest.raises(services.NotWorkingError) as waited:
        services.await_working(WANTED)
    assert "telegraf does not work: it is inactive (dead)" in waited.value.message
    with pytest.raises(services.NotWorkingError) as started:
        services.start(WANTED["services"], restart=True, daemon_reload=False)
    assert "Transaction is destructive" in started.value.message
    assert not waited.value.stopping and not started.value.stopping

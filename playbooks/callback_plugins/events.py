"""Tell what happens in a run as JSON lines, for a program to read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ansible.plugins.callback import CallbackBase
from comparing import ending, telling

DOCUMENTATION = """
name: events
type: aggregate
short_description: Writes one JSON object for each event of a run
description:
  - Writes to the file named by the environment variable E(PROVISION_EVENTS); without it, nothing.
  - The objects have C(event), which is C(play), C(host_task), C(waiting), C(result) or C(stats).
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """The callback; an error in it ends the telling, never the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._events = None
        # Hosts run at their own pace: of which host and task items were told.
        self._items_told: set[tuple[str, str]] = set()
        path = os.environ.get(telling.FILE)
        if not path:
            self.disabled = True
            return
        parent = os.environ.get("PROVISION_PARENT", "")
        if parent.isdigit():
            # Else a run would go on unseen when the command is killed.
            ending.end_with(int(parent))
        try:
            self._events = telling.Events(path)
        except OSError as error:
            self._display.warning(f"PROVISION_EVENTS: {path}: {error.strerror}")
            self.disabled = True

    def _tell(self, event: str, **values: Any) -> None:
        if self._events is None:
            return
        try:
            self._events.tell(event, **values)
        except Exception as error:
            self._display.warning(f"PROVISION_EVENTS: {error}")
            self._events = None

    @staticmethod
    def _key(result: Any) -> tuple[str, str]:
        return result.host.get_name(), result.task._uuid

    def _result(self, result: Any, status: str) -> None:
        try:
            task, seen = telling.of_task(result.task), result.result
            if "undone" in seen:  # the action told of each host when it was done
                return
            if seen.get("told"):  # how that failed: this task is over as well
                self._tell("result", host=result.host.get_name(), status="ignored", **task)
                return
            if "unlike" in seen:  # who is compared by himself tells of it himself
                for host, each in {**seen["alike"], **seen["differing"]}.items():
                    now = "changed" if each["changed"] else "ok"
                    self._tell("result", host=host, status=now, **task, **telling.of_result(each))
                return
            hidden = seen.get("_ansible_no_log") or getattr(result.task, "no_log", False)
            told = {} if hidden else telling.of_result(seen)
            self._tell("result", host=result.host.get_name(), status=status, **task, **told)
        except Exception as error:
            self._display.warning(f"PROVISION_EVENTS: {error}")

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins."""
        self._tell("play", play=play.get_name().strip())

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A task begins on a host."""
        self._tell("host_task", host=host.get_name(), **telling.of_task(task))

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task is done."""
        self._result(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """An item of a loop has failed; the loop's own failure says nothing more."""
        self._items_told.add(self._key(result))
        self._result(result, "ignored" if result.task.ignore_errors else "failed")

    def v2_runner_retry(self, result: Any) -> None:
        """A task waits for something, and says for what."""
        waiting = result.result.get("waiting")
        if waiting and not result.result.get("_ansible_no_log"):
            self._tell("waiting", host=result.host.get_name(), waiting=str(waiting))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task has failed."""
        key = self._key(result)
        if key not in self._items_told:
            self._result(result, "ignored" if ignore_errors else "failed")
        self._items_told.discard(key)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task was not needed."""
        self._result(result, "skipped")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host does not answer."""
        self._result(result, "unreachable")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The run is over."""
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        self._tell("stats", hosts=hosts)

"""Several slow things at once, and all of them ended when one fails or on Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from provision.rehearsal import processes

Result = TypeVar("Result")


def concurrently(
    *calls: Callable[[], Result],
    interrupt: Callable[[], None] = lambda: None,
    at_once: int | None = None,
) -> list[Result]:
    """Call all at once (or so many), each in a thread, and give their results in order.

    The first exception, or Ctrl-C, ends the programs that the others run
    (see provision.rehearsal.processes.build), calls interrupt, and is raised.
    """
    threads: set[int] = set()

    def call_in_thread(call: Callable[[], Result]) -> Result:
        threads.add(threading.get_ident())
        return call()

    try:
        with ThreadPoolExecutor(max_workers=max(1, min(len(calls), at_once or len(calls)))) as pool:
            futures = [pool.submit(call_in_thread, call) for call in calls]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    if future in done:
                        future.result()
            except BaseException:
                interrupt()
                processes.end_of_threads(threads)
                raise
            return [future.result() for future in futures]
    finally:
        processes.forget_threads(threads)

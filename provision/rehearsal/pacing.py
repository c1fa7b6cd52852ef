"""When to send what Telegraf must gather in one piece; runs on the hosts as well (Python 3.9)."""

import time


def share_an_interval(interval: float) -> None:
    """Wait, where it has to be, until the next gathering is neither just over nor near.

    interval: seconds; Telegraf gathers at whole multiples of it by the clock (`round_interval`),
    between two lines of one packet too, and a percentile is then that of a part of the times.
    Source: telegraf, plugins/inputs/statsd/statsd.go (each line takes the lock by itself).
    """
    first, last = min(0.3 * interval, 1.0), interval - min(0.4 * interval, 1.0)
    phase = time.time() % interval
    if not first <= phase <= last:
        time.sleep((first - phase) % interval)

"""`python -m bench [NAME…]`: the benchmarks by their names, all by default."""

from __future__ import annotations

import importlib
import sys

NAMES = ("start", "rendering", "noop", "first", "change", "statsd", "storage")


def main() -> None:
    """Run them one after the other."""
    names = sys.argv[1:] or NAMES
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(unknown)} (there are {', '.join(NAMES)})")
    for name in names:
        importlib.import_module(f"bench.{name}").main()


main()

"""Which files a service takes up while it runs: the rule by which it is announced and done."""

from __future__ import annotations

import re
from typing import Iterable


def takes_up(reloads: str, paths: Iterable[str]) -> bool:
    """Whether a service need not be started again for new content of these files.

    reloads is the regular expression that the manifest has of it, empty where it takes up none.
    """
    return bool(reloads) and all(re.search(reloads, path) for path in paths)

"""The file of a service's environment, as systemd reads it (systemd.exec(5), EnvironmentFile=)."""

from __future__ import annotations

import re
from typing import List, Optional


def value(path: str, variable: str) -> Optional[str]:
    """The value of a variable; None where the file has none. Of several the last counts."""
    form = re.compile(r'%s=(["\']?)(.*)\1' % re.escape(variable))
    found = [form.fullmatch(line.strip()) for line in lines(path)]
    return next((match[2] for match in reversed(found) if match), None)


def lines(path: str) -> List[str]:
    """The lines of a file; none of one that is not there."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []

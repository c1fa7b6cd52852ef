from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from provision.errors import InvalidInput
from provision.fleet.model import Fleet

Make = Callable[..., Fleet]


def problems(make: Make, text: str, *options: str) -> list[str]:
    """What is wrong with an inventory of that text, without the file's name and the line."""
    with pytest.raises(InvalidInput) as caught:
        make(text, *options)
    told = map(str, caught.value.problems)
    return [re.split(r"inventory\.yml(?::\d+)?: ", each, maxsplit=1)[1] for each in told]

from __future__ import annotations

from collections.abc import Callable

import pytest

from provision.errors import InvalidInput
from provision.fleet import Fleet

Make = Callable[..., Fleet]


def problems(make: Make, text: str, *options: str) -> list[str]:
    """What is wrong with an inventory of that text, without the file's name."""
    with pytest.raises(InvalidInput) as caught:
        make(text, *options)
    return [str(problem).split("inventory.yml: ", 1)[1] for problem in caught.value.problems]

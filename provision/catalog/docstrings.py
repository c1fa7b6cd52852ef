"""What a catalog's keys are for, as the model's source says it under each.

Pydantic can do this as classes are made (use_attribute_docstrings), which takes a tenth of the time
of every command; only errors and the schema need it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap

from provision.catalog.parts import Part


def key_docstrings(part: type[Part]) -> dict[str, str]:
    """The text under each key of a part, by the key."""
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
    assert isinstance(made, ast.ClassDef)
    found = {}
    for key, text in zip(made.body, made.body[1:], strict=False):
        if (
            isinstance(key, ast.AnnAssign)
            and isinstance(key.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[key.target.id] = inspect.cleandoc(text.value.value)
    return found

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from provision.settings import Settings
from provision.validation import in_words, matching


class Model(BaseModel):
    name: str


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
Word = Annotated[str, matching(r"[a-z]+", "small letters are needed")]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (tuple[str, ...], 5, "a list is needed"),
        (str, 5, "a text is needed"),
        (bool, "perhaps", "true or false is needed"),
        (int, "x", "a whole number is needed"),
        (int, 1.5, "a whole number is needed"),
        (float, "x", "a number is needed"),
        (Annotated[int, Field(ge=1)], 0, "a number of at least 1 is needed"),
        (Literal["disk", "memory"], "tape", "'disk' or 'memory' is needed"),
        (Model, 5, "keys with values (key: value) are needed"),
        (dict[str, str], 5, "keys with values (key: value) are needed"),
        (Pet, {"kind": "cow"}, "'kind' is one of 'cat', 'dog'"),
        (Pet, {}, "it has no 'kind'"),
        (Word, "A", "small letters are needed"),
        (Word, ["a"], "small letters are needed"),
        (Word, 1.40, "a text is needed: put it in quotes"),
    ],
)
def test_what_is_wrong_is_told_in_words(kind: Any, value: object, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    (details,) = caught.value.errors()
    assert in_words(details) == words


def test_there_may_be_no_words() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(bytes).validate_python(5)
    assert in_words(caught.value.errors()[0]) is None


@pytest.mark.parametrize("value", [5, {"a": 1}, ["x", {"y": []}], 1.5, True, "\n", "x y", None, -1])
@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_there_are_words_for_whatever_is_wrong_with_a_setting(name: str, value: object) -> None:
    try:
        Settings.model_validate({name: value})
    except ValidationError as error:
        assert all(in_words(details) for details in error.errors()), error.errors()

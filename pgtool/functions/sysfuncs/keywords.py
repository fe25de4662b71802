"""pg_get_keywords: the words of each major's grammar, as its server lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources

from pgtool.functions.registry import Call, builtin

__all__: list[str] = []

Keyword = tuple[str, str, bool, str, str]
_CATEGORIES = {
    "U": "unreserved",
    "C": "unreserved (cannot be function or type name)",
    "T": "reserved (can be function or type name)",
    "R": "reserved",
}


@cache
def _keywords(major: int) -> tuple[Keyword, ...]:
    """(word, category, whether it may be a bare label, both in words)."""
    source = resources.files("pgtool.catalog").joinpath("data/keywords.json")
    out = []
    for word, letter, majors in json.loads(source.read_text("utf-8")):
        if major in majors:
            # A small letter is a word that needs AS as a column label.
            bare, code = letter.isupper(), letter.upper()
            label = "can be bare label" if bare else "requires AS"
            out.append((word, code, bare, _CATEGORIES[code], label))
    return tuple(out)


@builtin("pg_get_keywords", call=True, returns_set=True)
def pg_get_keywords(call: Call) -> Iterator[Keyword]:
    """The grammar's words."""
    yield from _keywords(call.session.settings.major)

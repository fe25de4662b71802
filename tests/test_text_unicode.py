"""Case and classes of every character beside the server's, collation by collation."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from pgtool.functions.regex.charset import CLASSES
from pgtool.functions.textcase import Rules

LAST = 0x1FFFF
COLLATIONS = {
    "pg_c_utf8": Rules("simple", "b"), "pg_unicode_fast": Rules("full", "b"), '"C"': Rules("ascii"),
}  # fmt: skip


@pytest.mark.server
@pytest.mark.parametrize("collation", COLLATIONS)
def test_every_character(shared_server: Callable[[int], Any], collation: str) -> None:
    rules = COLLATIONS[collation]
    tests = ", ".join(f"c ~ '[[:{name}:]]'" for name in CLASSES)
    with shared_server(18).connect("postgres") as conn:
        rows = conn.execute(
            f"SELECT i::int, upper(c), lower(c), initcap(c), ARRAY[{tests}]"
            f" FROM (SELECT i, chr(i::int) COLLATE {collation} AS c"
            f"       FROM generate_series(1, {LAST}) i WHERE i NOT BETWEEN 55296 AND 57343) s"
        ).fetchall()
    wrong = []
    for code, upper, lower, initcap, classes in rows:
        char = chr(code)
        if unicodedata.category(char) == "Cn":  # newer than the interpreter's tables
            continue
        mine = [rules.upper(char), rules.lower(char), rules.initcap(char)]
        mine.append([member(char, rules) for member in CLASSES.values()])
        if mine != [upper, lower, initcap, classes]:
            wrong.append((hex(code), mine, upper, lower, initcap, classes))
    assert not wrong, (len(wrong), wrong[:3])

"""Texts told by the pattern of one like them are read as they are without it."""

from __future__ import annotations

import pytest

from pgtool.sql.normalise import normalise, pattern_of

FIRST = "insert into t (a, b) values (1, 'one') returning a+2"


@pytest.mark.parametrize("text", [
    FIRST,
    "insert into t (a, b) values (999999999, 'it is; -- limit $1') returning a+0",
    "insert into t (a, b) values (007, '') returning a+3",
    "insert into t (a, b) values (3, 'ä€') returning a+4",
])  # fmt: skip
def test_alike(text: str) -> None:
    found = normalise(FIRST)
    assert found is not None
    pattern = pattern_of(FIRST, found)
    assert pattern is not None
    read = pattern.read(text)
    assert read is not None and read.skeleton == found.skeleton and read.types == found.types
    assert list(read.texts) == [one.text for one in read.literals]
    places = [text[one.start :].lstrip("'").startswith(one.text) for one in read.literals]
    assert all(places) and len(places) == 3
    whole = normalise(text)
    # It refuses what might be more than a literal.
    assert whole is None or whole.literals == read.literals


@pytest.mark.parametrize("text", [
    "insert into t (a, b) values (1.5, 'one') returning a+2",
    "insert into t (a, b) values (1234567890123, 'one') returning a+2",
    "insert into t (a, b) values (-1, 'one') returning a+2",
    "insert into t (a, b) values (1, 'it''s') returning a+2",
    "insert into t (a, b) values (1, 'back\\slash') returning a+2",
    "insert into t (a, b) values (1, e'one') returning a+2",
    "insert into t (a, b) values (1, 'one') returning a+2; select 1",
    "insert into t (a, b) values (1, 'one') returning a+2e1",
    "insert into T (a, b) values (1, 'one') returning a+2",
])  # fmt: skip
def test_not_alike(text: str) -> None:
    found = normalise(FIRST)
    assert found is not None
    pattern = pattern_of(FIRST, found)
    assert pattern is not None and pattern.read(text) is None


def test_others_have_no_pattern() -> None:
    for text in ("select 1.5 from t", "select a from t where b = 12345678901"):
        found = normalise(text)
        assert found is not None and pattern_of(text, found) is None

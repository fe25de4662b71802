"""A line that is taken at once is what the scanner would have made of it."""

from __future__ import annotations

import random

import pytest

from pgtool.cli.psql.scan import Met, Scanner

PIECES = (
    "select", "insert into t", "update t set a", "create", "CREATE FUNCTION", "begin", "case",
    "end", "'it''s'", "'a;b'", "e'x\\'y'", "E'z'", "'", '"', '"a;b"', "$$", "$1", "$q$", ";", " ; ",
    ":a", "::int", ":'a'", "--", "- -1", "/*", "*/", "a/b", "(", ")", "((1), 2)", "[1]", "\\d",
    "1.5", ",", "  ", "=", "(a, b)", "values (1, 'x', -2)", "é",
)  # fmt: skip


def scanned(line: str) -> tuple[list[str], str, str]:
    """(statements, what is left, the state)."""
    scanner = Scanner({"a": "1"})
    scanner.start(line)
    out = []
    while True:
        met = scanner.scan()
        if met is Met.SEMICOLON:
            out.append(scanner.buffer)
            scanner.reset()
        elif met is Met.BACKSLASH:
            return out, "\\", ""
        else:
            return out, scanner.buffer, scanner.state


@pytest.mark.parametrize("seed", range(4))
def test_whole_lines(seed: int) -> None:
    rng = random.Random(seed)
    whole = 0
    for _ in range(4000):
        line = " ".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 7))) + rng.choice(
            ["", ";", ";", "; "]
        )
        scanner = Scanner({"a": "1"})
        if scanner.takes_whole(line):
            whole += 1
            assert scanned(line) == ([scanner.buffer], "", ""), line
    assert whole > 100


def test_plain_statements_are_taken_whole() -> None:
    for line in ("insert into t (a, b) values (1, 'it''s; so');", "  delete from t where a = -1; ",
                 "update t set a = a - 1, b = f(g(1), 2) where c in (1, 2);"):  # fmt: skip
        assert Scanner({}).takes_whole(line)
    scanner = Scanner({})
    scanner.start("select 1")
    scanner.scan()
    assert not scanner.takes_whole("from t;")

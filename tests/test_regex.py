"""Regular expressions beside the server's: where matches lie and how they divide."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pgtool.errors import SqlError
from pgtool.functions.regex import Flags, compile_regex, with_options
from pgtool.functions.regex.engine import Matcher, Spans
from pgtool.functions.textcase import Rules

RULES = Rules("ascii")
HAND = [
    ("foobar", "o+"), ("abcdef", "(a|ab)(c|bcd)(d*)"), ("xyz", "x*?y"), ("aaa", "(a*?)(a*)"),
    ("foo bar", r"\mb"), ("ab", "(a?)(ab)?"), ("abab", "(ab)*"), ("aXbX", "(.*?)X"),
    ("abc123", r"\d+"), ("aa", r"(a)\1"), ("aabb", r"(a)\1(b)\2"), ("foo", "(?i)FOO"),
    ("a\nb", "^b"), ("a\nb", "(?n)^b"), ("a", "("), ("a", ")"), ("a", "["), ("a", "a{2,1}"),
    ("a", "*"), ("a", "a**"), ("a", "[[:foo:]]"), ("a", "\\"), ("a", r"\2"), ("a", "[b-a]"),
    ("a", "(?z)a"), ("a", "a{256}"), ("a", "a{1"), ("XabcX", "[^[:upper:]]+"),
    ("foobarbaz", "foo(?=bar)"), ("foobaz", "foo(?!bar)"), ("xfoo", "(?<=x)foo"),
    ("foo", "(?<!x)foo"), ("aaaa", "(a{1,2}?)(a*)"), ("ab", "a|b|"), ("abc", "(|a)b"),
    ("b", "(a)|(b)"), ("aba", "((a)|b)+"), ("foo.bar", "***=o.b"), ("foobar", "***:o+"),
    ("a b", r"(?x) a \s b"), ("XY1234Z", "Y*([0-9]{1,3})"), ("XY1234Z", "Y*?([0-9]{1,3})"),
    ("abc01234xyz", r"(.*)(\d+)(.*)"), ("abc01234xyz", r"(.*?)(\d+)(.*)"),
    ("abc01234xyz", r"(?:(.*?)(\d+)(.*)){1,1}"), ("abcabc", r"(.)(.)(.)\1\2\3"),
    ("a]b", "[]a]+"), ("a-b", "[a-]+"), ("a\\b", r"[\\]"), ("fo{,2}", "fo{,2}"),
    ("a-b", "[[.hyphen.]]"), ("abc", "[[=b=]]"), ("word", "[[:<:]]w"), ("word", "d[[:>:]]"),
    ("foo", r"(f)(o)(o)\10"), ("ab", r"()*\1ab"), ("aa", "(a*)*"), ("aa", "(a*)+"), ("", "(a)*"),
    ("a" * 40 + "b", "(a+)+$"), ("a" * 40 + "c", "(a*)*b"), ("abcabd", "(ab(c|d))+"),
]  # fmt: skip
SETUP = """
CREATE FUNCTION rx(t text, p text, f text) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY['V', regexp_instr(t, p, 1, 1, 0, f)::text, regexp_substr(t, p, 1, 1, f)]
         || regexp_match(t, p, f);
EXCEPTION WHEN OTHERS THEN RETURN ARRAY['E' || SQLERRM];
END $$"""


def generated(count: int) -> list[tuple[str, str, str]]:
    """Random expressions over a small alphabet, with texts that they may match."""
    rng = random.Random(20)
    atoms = ["a", "b", "c", ".", "[ab]", "[^a]", r"\w", r"\d", "[[:alpha:]]", "^", "$", r"\m",
             r"\M", r"\y"]  # fmt: skip
    suffixes = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}"]

    def one(depth: int) -> str:
        kind = rng.random()
        if depth <= 0 or kind < 0.35:
            return rng.choice(atoms)
        inner = one(depth - 1)
        if kind < 0.55:
            return inner + one(depth - 1)
        if kind < 0.65:
            return f"({inner}|{one(depth - 1)})"
        if kind < 0.75:
            return f"({inner})"
        if kind < 0.83:
            return f"(?{rng.choice([':', '=', '!', '<=', '<!'])}{inner})"
        return f"(?:{inner}){rng.choice(suffixes)}"

    return [
        (
            "".join(rng.choice("abc1 ") for _ in range(rng.randint(0, 9))),
            one(rng.randint(1, 5)), rng.choice(["", "", "i", "n"]),
        )
        for _ in range(count)
    ]  # fmt: skip


def shown(text: str, groups: int, spans: Spans | None) -> Any:
    if spans is None:
        return None
    parts = [None if a < 0 else text[a:b] for a, b in spans]
    return spans[0][0] + 1, parts[0], parts[1:] if groups else parts


def ours(text: str, pattern: str, letters: str) -> list[Any]:
    """What finds the match: whatever is quickest, the engine alone; and the mere test."""
    try:
        regex = compile_regex(pattern, with_options(Flags(), letters), RULES)
    except SqlError as error:
        return [f"E{error.message}"] * 3
    found = [regex.finder(text).search(0), Matcher(regex.program, text).search(0)]
    both = [shown(text, regex.groups, spans) for spans in found]
    return [*both, both[0] if regex.test(text) == (found[0] is not None) else "test disagrees"]


@pytest.mark.server
def test_against_server(shared_server: Callable[[int], Any]) -> None:
    server = shared_server(18)
    cases = [(t, p, "") for t, p in HAND] + generated(2500)
    with server.connect("postgres") as conn:
        conn.execute(SETUP)
        rows = conn.execute(
            "SELECT rx(t, p, f) FROM unnest(%s::text[], %s::text[], %s::text[])"
            " WITH ORDINALITY u(t, p, f, n) ORDER BY n",
            [[c[i] for c in cases] for i in range(3)],
        ).fetchall()
        conn.rollback()
    wrong = []
    for case, (row,) in zip(cases, rows):
        wanted: Any = None
        if row[0] != "V":
            wanted = row[0]
        elif row[1] != "0":
            wanted = (int(row[1]), row[2], row[3:])
        if ours(*case) != [wanted] * 3:
            wrong.append((case, wanted, ours(*case)))
    assert not wrong, wrong[:5]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a+)+$", "a" * 20000 + "b"), ("(a|aa)*c", "a" * 5000), ("(.*)(.*)(.*)x", "ab" * 3000),
     ("((a{1,20}){1,20}){1,20}b", "a" * 50)],
)  # fmt: skip
def test_nothing_blows_up(pattern: str, text: str) -> None:
    assert not compile_regex(pattern, Flags(), RULES).test(text)
    assert compile_regex(pattern, Flags(), RULES).finder(text).search(0) is None

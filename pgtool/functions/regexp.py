"""The SQL functions and operators of regular expressions, and SIMILAR TO."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from pgtool.errors import SqlError
from pgtool.functions.collation import is_deterministic
from pgtool.functions.regex import Flags, Regex, Spans, compile_regex, with_options
from pgtool.functions.registry import Call, builtin
from pgtool.functions.textcase import rules_of
from pgtool.functions.values import ArrayValue

TEXTOID = 25
_PLAIN_COLLATIONS = frozenset((0, 100, 950, 951))
DEFAULT = Flags()


def _compile(call: Call, pattern: str, flags: Flags = DEFAULT) -> Regex:
    if call.collation not in _PLAIN_COLLATIONS and not is_deterministic(
        call.session, call.collation
    ):
        raise SqlError(
            "nondeterministic collations are not supported for regular expressions", "0A000"
        )
    if flags.quote and (flags.advanced or flags.expanded or flags.newline_stops
                        or flags.newline_anchors):  # fmt: skip
        raise SqlError(
            "invalid regular expression: invalid argument to regex function", "2201B"
        )
    return compile_regex(pattern, flags, rules_of(call))


def _options(letters: str | None) -> tuple[Flags, bool]:
    """(flags, whether every match is wanted) of a function's flags argument."""
    if not letters:
        return DEFAULT, False
    for letter in letters:
        if letter not in "gbceimnpqstwx":
            raise SqlError(f'invalid regular expression option: "{letter}"', "22023")
    # Of all flavours "e" asks for the basic one here, though (?e) inside the pattern does not.
    return with_options(DEFAULT, letters.replace("g", "").replace("e", "b")), "g" in letters


def _local(letters: str | None, function: str, hint: str | None = None) -> Flags:
    """The flags of a function that finds one match only."""
    flags, is_global = _options(letters)
    if is_global:
        raise SqlError(
            f'{function} does not support the "global" option', "22023", hint=hint
        )
    return flags


def _matches(regex: Regex, text: str, start: int, every: bool) -> Iterator[Spans]:
    finder = regex.finder(text)
    while start <= len(text):
        spans = finder.search(start)
        if spans is None:
            return
        yield spans
        if not every:
            return
        begin, end = spans[0]
        start = end + (begin == end)


def _part(text: str, span: tuple[int, int]) -> str | None:
    return None if span[0] < 0 else text[span[0] : span[1]]


# -- operators ------------------------------------------------------------------------

IGNORE_CASE = Flags(ignore_case=True)


@builtin("textregexeq", "nameregexeq", call=True)
def textregexeq(call: Call, text: str, pattern: str) -> bool:
    return _compile(call, pattern).test(text)


@builtin("textregexne", "nameregexne", call=True)
def textregexne(call: Call, text: str, pattern: str) -> bool:
    return not _compile(call, pattern).test(text)


@builtin("texticregexeq", "nameicregexeq", call=True)
def texticregexeq(call: Call, text: str, pattern: str) -> bool:
    return _compile(call, pattern, IGNORE_CASE).test(text)


@builtin("texticregexne", "nameicregexne", call=True)
def texticregexne(call: Call, text: str, pattern: str) -> bool:
    return not _compile(call, pattern, IGNORE_CASE).test(text)


@builtin("regexp_like", "regexp_like_no_flags", call=True)
def regexp_like(call: Call, text: str, pattern: str, letters: str | None = None) -> bool:
    return _compile(call, pattern, _local(letters, "regexp_like()")).test(text)


# -- parts that match -------------------------------------------------------------------


@builtin("textregexsubstr", call=True)
def textregexsubstr(call: Call, text: str, pattern: str) -> str | None:
    regex = _compile(call, pattern)
    for spans in _matches(regex, text, 0, every=False):
        return _part(text, spans[1 if regex.groups else 0])
    return None


def _captures(regex: Regex, text: str, spans: Spans) -> ArrayValue:
    shown = spans[1:] if regex.groups else spans
    return ArrayValue.of(TEXTOID, [_part(text, span) for span in shown])


@builtin("regexp_match", "regexp_match_no_flags", call=True)
def regexp_match(
    call: Call, text: str, pattern: str, letters: str | None = None
) -> ArrayValue | None:
    hint = "Use the regexp_matches function instead."
    regex = _compile(call, pattern, _local(letters, "regexp_match()", hint))
    for spans in _matches(regex, text, 0, every=False):
        return _captures(regex, text, spans)
    return None


@builtin("regexp_matches", "regexp_matches_no_flags", call=True, returns_set=True)
def regexp_matches(
    call: Call, text: str, pattern: str, letters: str | None = None
) -> Iterator[ArrayValue]:
    flags, every = _options(letters)
    regex = _compile(call, pattern, flags)
    for spans in _matches(regex, text, 0, every):
        yield _captures(regex, text, spans)


def _wrong(name: str, value: int) -> NoReturn:
    raise SqlError(f'invalid value for parameter "{name}": {value}', "22023")


def _at_least(least: int, **parameters: int) -> None:
    for name, value in parameters.items():
        if value < least:
            _wrong(name, value)


@builtin("regexp_count", "regexp_count_no_flags", "regexp_count_no_start", call=True)
def regexp_count(
    call: Call, text: str, pattern: str, start: int = 1, letters: str | None = None
) -> int:
    _at_least(1, start=start)
    regex = _compile(call, pattern, _local(letters, "regexp_count()"))
    return sum(1 for _ in _matches(regex, text, start - 1, every=True))


def _nth(
    call: Call, text: str, pattern: str, flags: Flags, start: int, number: int, group: int
) -> tuple[int, int]:
    """The place of a group in the n-th match, (−1, −1) where there is none."""
    regex = _compile(call, pattern, flags)
    if group > max(regex.groups, 1):
        return (-1, -1)
    for count, spans in enumerate(_matches(regex, text, start - 1, every=True), 1):
        if count == number:
            return spans[group if regex.groups else 0]
    return (-1, -1)


@builtin(
    "regexp_instr", "regexp_instr_no_start", "regexp_instr_no_n", "regexp_instr_no_endoption",
    "regexp_instr_no_flags", "regexp_instr_no_subexpr", call=True,
)  # fmt: skip
def regexp_instr(
    call: Call, text: str, pattern: str, start: int = 1, number: int = 1, endoption: int = 0,
    letters: str | None = None, subexpr: int = 0,
) -> int:  # fmt: skip
    _at_least(1, start=start)
    _at_least(1, n=number)
    if endoption not in (0, 1):
        _wrong("endoption", endoption)
    _at_least(0, subexpr=subexpr)
    flags = _local(letters, "regexp_instr()")
    found = _nth(call, text, pattern, flags, start, number, subexpr)
    return found[endoption] + 1


@builtin(
    "regexp_substr", "regexp_substr_no_start", "regexp_substr_no_n", "regexp_substr_no_flags",
    "regexp_substr_no_subexpr", call=True,
)  # fmt: skip
def regexp_substr(
    call: Call, text: str, pattern: str, start: int = 1, number: int = 1,
    letters: str | None = None, subexpr: int = 0,
) -> str | None:  # fmt: skip
    _at_least(1, start=start)
    _at_least(1, n=number)
    _at_least(0, subexpr=subexpr)
    flags = _local(letters, "regexp_substr()")
    return _part(text, _nth(call, text, pattern, flags, start, number, subexpr))


# -- splitting ----------------------------------------------------------------------------


def _pieces(
    call: Call, text: str, pattern: str, letters: str | None, function: str
) -> Iterator[str]:
    regex = _compile(call, pattern, _local(letters, function))
    last = previous = 0
    for (begin, end), *_ in _matches(regex, text, 0, every=True):
        if begin < len(text) and end > previous:  # empty matches at the edges do not split
            yield text[last:begin]
            last = end
        previous = end
    yield text[last:]


@builtin("regexp_split_to_array", "regexp_split_to_array_no_flags", call=True)
def regexp_split_to_array(
    call: Call, text: str, pattern: str, letters: str | None = None
) -> ArrayValue:
    pieces = _pieces(call, text, pattern, letters, "regexp_split_to_array()")
    return ArrayValue.of(TEXTOID, list(pieces))


@builtin(
    "regexp_split_to_table", "regexp_split_to_table_no_flags", call=True, returns_set=True
)
def regexp_split_to_table(
    call: Call, text: str, pattern: str, letters: str | None = None
) -> Iterator[str]:
    return _pieces(call, text, pattern, letters, "regexp_split_to_table()")


# -- replacing ---------------------------------------------------------------------------

_REFERENCE = re.compile(r"\\([1-9&\\])")


def _substituted(replacement: str, text: str, spans: Spans) -> str:
    def put(match: re.Match[str]) -> str:
        sign = match[1]
        if sign == "\\":
            return "\\"
        number = 0 if sign == "&" else int(sign)
        return (_part(text, spans[number]) or "") if number < len(spans) else ""

    return _REFERENCE.sub(put, replacement)


def _replace(
    regex: Regex, text: str, replacement: str, start: int, number: int
) -> str:
    out: list[str] = []
    last = 0
    plain = "\\" not in replacement
    for count, spans in enumerate(_matches(regex, text, start, every=True), 1):
        if number and count != number:
            continue
        begin, end = spans[0]
        out += [text[last:begin], replacement if plain else _substituted(replacement, text, spans)]
        last = end
        if number:
            break
    return "".join([*out, text[last:]])


@builtin("textregexreplace_noopt", call=True)
def textregexreplace_noopt(call: Call, text: str, pattern: str, replacement: str) -> str:
    return _replace(_compile(call, pattern), text, replacement, 0, 1)


@builtin("textregexreplace", call=True)
def textregexreplace(call: Call, text: str, pattern: str, replacement: str, letters: str) -> str:
    if letters[:1].isdecimal() and letters.isascii():
        raise SqlError(
            f'invalid regular expression option: "{letters[0]}"', "22023",
            hint="If you meant to use regexp_replace() with a start parameter, cast the fourth "
            "argument to integer explicitly.",
        )  # fmt: skip
    flags, every = _options(letters)
    return _replace(_compile(call, pattern, flags), text, replacement, 0, 0 if every else 1)


@builtin(
    "textregexreplace_extended", "textregexreplace_extended_no_flags",
    "textregexreplace_extended_no_n", call=True,
)  # fmt: skip
def textregexreplace_extended(
    call: Call, text: str, pattern: str, replacement: str, start: int,
    number: int = 1, letters: str | None = None,
) -> str:  # fmt: skip
    _at_least(1, start=start)
    _at_least(0, n=number)
    flags, _every = _options(letters)
    return _replace(_compile(call, pattern, flags), text, replacement, start - 1, number)


# -- SIMILAR TO -----------------------------------------------------------------------------

_SEPARATORS = ("){1,1}?(", "){1,1}(?:")
_PLAIN_SIGNS = {"%": ".*", "_": ".", "(": "(?:", "\\": "\\\\", ".": "\\.", "^": "\\^", "$": "\\$"}


class _Similar:
    """A SIMILAR TO pattern on its way to a regular expression.

    ``depth`` counts open square brackets; ``place`` tells, inside one, how far from its
    beginning the next character stands (1 and 2: a closing bracket is an ordinary member).
    """

    def __init__(self, escape: str) -> None:
        self.escape = escape
        self.out: list[str] = []
        self.quotes = 0
        self.depth = 0
        self.place = 0

    def escaped(self, char: str) -> None:
        if char != '"' or self.depth:
            self.out.append("\\" + char)
            self.place = 3
            return
        if self.quotes > 1:
            raise SqlError(
                "SQL regular expression may not contain more than two escape-double-quote "
                "separators", "2200C",
            )  # fmt: skip
        self.out.append(_SEPARATORS[self.quotes])
        self.quotes += 1

    def member(self, char: str) -> None:
        self.out.append("\\\\" if char == "\\" else char)
        if char == "]" and self.place > 2:
            self.depth -= 1
        elif char == "[":
            self.depth += 1
            self.place = 3
        elif char == "^":
            self.place += 1
        else:
            self.place = 3

    def run(self, pattern: str) -> str:
        after = False
        for char in pattern:
            if after:
                self.escaped(char)
                after = False
            elif char == self.escape:
                after = True
            elif self.depth:
                self.member(char)
            elif char == "[":
                self.out.append(char)
                self.depth = self.place = 1
            else:
                self.out.append(_PLAIN_SIGNS.get(char, char))
        return "^(?:" + "".join(self.out) + ")$"


def _similar(pattern: str, escape: str) -> str:
    if len(escape) > 1:
        raise SqlError(
            "invalid escape string", "22025", hint="Escape string must be empty or one character."
        )
    return _Similar(escape).run(pattern)


@builtin("similar_to_escape_1")
def similar_to_escape_1(pattern: str) -> str:
    return _similar(pattern, "\\")


@builtin("similar_to_escape_2")
def similar_to_escape_2(pattern: str, escape: str) -> str:
    return _similar(pattern, escape)


@builtin("similar_escape")
def similar_escape(pattern: str | None, escape: str | None) -> str | None:
    return None if pattern is None else _similar(pattern, "\\" if escape is None else escape)

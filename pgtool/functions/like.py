"""LIKE and ILIKE on text, name and bytea.

A pattern is taken apart once, at its percent signs: what stands before the first is a
prefix, what stands after the last a suffix, and what is between is looked for from left
to right, each at its first place. That needs no backtracking. ILIKE lowers both sides by
the collation's rules.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, AnyStr, Generic

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.collation import is_deterministic
from pgtool.functions.registry import Call, builtin
from pgtool.functions.textcase import rules_of

__all__ = ["Pattern", "check_collation", "like_pattern"]

_PLAIN_COLLATIONS = frozenset((0, 100, 950, 951))
_TOKENS = re.compile(r"\\(.)|(\\)|(%)|(_)|([^\\%_]+)", re.DOTALL)
_TOKENS_BYTES = re.compile(rb"\\(.)|(\\)|(%)|(_)|([^\\%_]+)", re.DOTALL)


class Segment(Generic[AnyStr]):
    """What stands between two percent signs: a literal, or one with underscores."""

    def __init__(self, parts: list[AnyStr | None], empty: AnyStr) -> None:
        self.literal: AnyStr = empty.join([p for p in parts if p is not None])
        self.length = sum(1 if p is None else len(p) for p in parts)
        self.find_regex: re.Pattern[AnyStr] | None = None
        if None in parts:
            any_one: Any = "." if isinstance(empty, str) else b"."
            body = empty.join([any_one if p is None else re.escape(p) for p in parts])
            self.find_regex = re.compile(body, re.DOTALL)

    def at(self, text: AnyStr, start: int) -> bool:
        """Whether the segment stands at ``start``."""
        if self.find_regex is not None:
            return self.find_regex.match(text, start) is not None
        return text.startswith(self.literal, start)

    def find(self, text: AnyStr, start: int) -> int:
        """The first place from ``start`` on, or −1."""
        if self.find_regex is not None:
            match = self.find_regex.search(text, start)
            return match.start() if match else -1
        return text.find(self.literal, start)


class Pattern(Generic[AnyStr]):
    """A LIKE pattern, ready to match."""

    def __init__(self, pattern: AnyStr) -> None:
        self.segments: list[Segment[AnyStr]] = []
        self.dangling = False
        empty: Any = "" if isinstance(pattern, str) else b""
        tokens: Any = _TOKENS if isinstance(pattern, str) else _TOKENS_BYTES
        parts: list[AnyStr | None] = []
        for escaped, dangling, percent, underscore, plain in tokens.findall(pattern):
            if percent:
                self.segments.append(Segment(parts, empty))
                parts = []
            elif dangling:
                self.dangling = True
            else:
                parts.append(None if underscore else escaped or plain)
        self.segments.append(Segment(parts, empty))

    def match(self, text: AnyStr) -> bool:
        """Whether the whole text fits."""
        first, rest = self.segments[0], self.segments[1:]
        if not first.at(text, 0):
            return False
        at = first.length
        if self.dangling:
            return self._match_dangling(text, at)
        if not rest:
            return at == len(text)
        last = rest.pop()
        for segment in rest:
            at = segment.find(text, at)
            if at < 0:
                return False
            at += segment.length
        end = len(text) - last.length
        return end >= at and last.at(text, end)

    def _match_dangling(self, text: AnyStr, at: int) -> bool:
        """A pattern that ends in an escape is wrong as soon as the matching gets there."""
        for segment in self.segments[1:]:
            at = segment.find(text, at)
            if at < 0:
                return False
            at += segment.length
        if at < len(text):
            raise SqlError("LIKE pattern must not end with escape character", "22025")
        return False


@lru_cache(maxsize=512)
def like_pattern(pattern: str) -> Pattern[str]:
    """The compiled form of a pattern."""
    return Pattern(pattern)


@lru_cache(maxsize=64)
def _bytes_pattern(pattern: bytes) -> Pattern[bytes]:
    return Pattern(pattern)


def check_collation(call: Call) -> None:
    """Refuse collations in which equal does not mean the same bytes."""
    if call.collation not in _PLAIN_COLLATIONS and not is_deterministic(
        call.session, call.collation
    ):
        raise Unsupported("LIKE with a nondeterministic collation")


@builtin("textlike", "namelike", call=True)
def textlike(call: Call, text: str, pattern: str) -> bool:
    check_collation(call)
    return like_pattern(pattern).match(text)


@builtin("textnlike", "namenlike", call=True)
def textnlike(call: Call, text: str, pattern: str) -> bool:
    check_collation(call)
    return not like_pattern(pattern).match(text)


@builtin("bytealike")
def bytealike(data: bytes, pattern: bytes) -> bool:
    return _bytes_pattern(pattern).match(data)


@builtin("byteanlike")
def byteanlike(data: bytes, pattern: bytes) -> bool:
    return not _bytes_pattern(pattern).match(data)


def _ilike(call: Call, text: str, pattern: str) -> bool:
    check_collation(call)
    rules = rules_of(call)
    return like_pattern(rules.lower(pattern)).match(rules.lower(text))


@builtin("texticlike", "nameiclike", call=True)
def texticlike(call: Call, text: str, pattern: str) -> bool:
    return _ilike(call, text, pattern)


@builtin("texticnlike", "nameicnlike", call=True)
def texticnlike(call: Call, text: str, pattern: str) -> bool:
    return not _ilike(call, text, pattern)


def _escaped(pattern: AnyStr, escape: AnyStr, backslash: AnyStr, empty: AnyStr) -> AnyStr:
    """A pattern with an escape of its own, rewritten to the backslash."""
    if not escape:
        return pattern.replace(backslash, backslash + backslash)
    if len(escape) > 1:
        raise SqlError(
            "invalid escape string", "22025", hint="Escape string must be empty or one character."
        )
    if escape == backslash:
        return pattern
    out: list[AnyStr] = []
    after = False
    for i in range(len(pattern)):
        char = pattern[i : i + 1]
        if char == escape and not after:
            out.append(backslash)
            after = True
            continue
        if char == backslash and not after:
            out.append(backslash)
        out.append(char)
        after = False
    return empty.join(out)


@builtin("like_escape")
def like_escape(pattern: str, escape: str) -> str:
    return _escaped(pattern, escape, "\\", "")


@builtin("like_escape_bytea")
def like_escape_bytea(pattern: bytes, escape: bytes) -> bytes:
    return _escaped(pattern, escape, b"\\", b"")

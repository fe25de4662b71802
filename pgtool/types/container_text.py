"""The text forms of rows, ranges and multiranges, taken apart."""

from __future__ import annotations

import re

from formats import datum as layout
from pgtool.errors import SqlError

__all__ = ["parse_multirange_text", "parse_range_text", "parse_row_text"]

_BLANK = b" \t\n\v\f\r"
_PIECE = re.compile(rb'\\(.)|"((?:[^"\\]|\\.|"")*)"|([^"\\])', re.S)


def _field(text: bytes, at: int, stops: bytes) -> tuple[bytes | None, int]:
    """One field that ends before an unquoted byte of ``stops``; (None, …) where it is empty.

    The offset is −1 where the text ends inside the field.
    """
    if text[at : at + 1] and text[at] in stops:
        return None, at
    out = []
    while at < len(text) and text[at] not in stops:
        match = _PIECE.match(text, at)
        if match is None:
            return b"", -1
        escaped, quoted, plain = match.groups()
        if quoted is not None:
            quoted = re.sub(rb'\\(.)|""', lambda m: m[1] if m[1] else b'"', quoted, flags=re.S)
            out.append(quoted)
        else:
            out.append(escaped or plain)
        at = match.end()
    return b"".join(out), at if at < len(text) else -1


def parse_row_text(text: bytes, shown: str, columns: int) -> list[bytes | None]:
    """``(a,"b c",)`` → the fields' texts, None for NULL."""

    def fail(detail: str) -> SqlError:
        return SqlError(f'malformed record literal: "{shown}"', "22P02", detail)

    body = text.lstrip(_BLANK)
    if body[:1] != b"(":
        raise fail("Missing left parenthesis.")
    out: list[bytes | None] = []
    at = 1
    for number in range(columns):
        if number:
            if body[at : at + 1] != b",":
                raise fail("Too few columns.")
            at += 1
        field, at = _field(body, at, b",)")
        if at < 0 or at >= len(body):
            raise fail("Unexpected end of input.")
        out.append(field)
    if body[at : at + 1] != b")":
        raise fail("Too many columns.")
    if body[at + 1 :].strip(_BLANK):
        raise fail("Junk after right parenthesis.")
    return out


def parse_range_text(text: bytes, shown: str) -> tuple[int, bytes | None, bytes | None]:
    """``[a,b)`` → (flags, lower, upper), None for an infinite bound."""

    def fail(detail: str) -> SqlError:
        return SqlError(f'malformed range literal: "{shown}"', "22P02", detail)

    body = text.lstrip(_BLANK)
    if body[:5].lower() == b"empty":
        if body[5:].strip(_BLANK):
            raise fail('Junk after "empty" key word.')
        return layout.RANGE_EMPTY, None, None
    if body[:1] not in (b"[", b"("):
        raise fail("Missing left parenthesis or bracket.")
    flags = layout.RANGE_LB_INC if body[:1] == b"[" else 0
    lower, at = _field(body, 1, b",)]")
    if at < 0 or at >= len(body):
        raise fail("Unexpected end of input.")
    if body[at : at + 1] != b",":
        raise fail("Missing comma after lower bound.")
    upper, at = _field(body, at + 1, b",)]")
    if at < 0 or at >= len(body):
        raise fail("Unexpected end of input.")
    if body[at : at + 1] == b",":
        raise fail("Too many commas.")
    flags |= layout.RANGE_UB_INC if body[at : at + 1] == b"]" else 0
    if body[at + 1 :].strip(_BLANK):
        raise fail("Junk after right parenthesis or bracket.")
    flags |= layout.RANGE_LB_INF if lower is None else 0
    flags |= layout.RANGE_UB_INF if upper is None else 0
    return flags, lower, upper


_RANGE = re.compile(rb'[\[(](?:[^\])"\\]|\\.|"(?:[^"\\]|\\.|"")*")*[\])]', re.S)


def parse_multirange_text(text: bytes, shown: str) -> list[bytes]:
    """``{[a,b),[c,d)}`` → the ranges' texts, empty ones left out."""

    def fail(detail: str) -> SqlError:
        return SqlError(f'malformed multirange literal: "{shown}"', "22P02", detail)

    body = text.strip(_BLANK)
    if body[:1] != b"{":
        raise fail("Missing left brace.")
    out: list[bytes] = []
    at, seen, want_range = 1, False, True
    while True:
        while at < len(body) and body[at] in _BLANK:
            at += 1
        char = body[at : at + 1]
        if not char:
            raise fail("Unexpected end of input.")
        if not want_range:
            if char not in (b",", b"}"):
                raise fail("Expected comma or end of multirange.")
            at += 1
            want_range = char == b","
            if char == b"}":
                break
        elif char in (b"[", b"("):
            match = _RANGE.match(body, at)
            if match is None:
                raise fail("Unexpected end of input.")
            out.append(match[0])
            at, seen, want_range = match.end(), True, False
        elif char == b"}" and not seen:
            at += 1
            break
        elif body[at : at + 5].lower() == b"empty":
            at, seen, want_range = at + 5, True, False
        else:
            raise fail("Expected range start.")
    if at != len(body):
        raise fail("Junk after closing right brace.")
    return out

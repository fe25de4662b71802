"""Character strings: length, concatenation, parts, padding, trimming, replacing, casts.

Values are str, so positions and lengths count characters; what counts bytes asks the
session's encoding. Padding of bpchar is part of its value: functions that take bpchar
under their own name drop it where the server does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.textformat import text_of
from pgtool.functions.values import ArrayValue

INT4_MAX = 0x7FFFFFFF
MAX_ALLOC = 0x3FFFFFFF
VARHDRSZ = 4
NAME_BYTES = 63
TEXTOID = 25


def int_out_of_range() -> SqlError:
    """The error of a position that int4 has no room for."""
    return SqlError("integer out of range", "22003")


def negative_length() -> SqlError:
    """The error of a substring of less than no characters."""
    return SqlError("negative substring length not allowed", "22011")


def too_large() -> SqlError:
    """The error of a result beyond the longest value."""
    return SqlError("requested length too large", "54000")


def substring(text: Any, start: int, length: int) -> Any:
    """The part of a str or bytes that begins at ``start``, from 1, which may lie outside."""
    end = start + length
    if length < 0:
        raise negative_length()
    if end < 1:
        return text[:0]
    first = max(start, 1)
    return text[first - 1 : max(end, first) - 1]


def overlay(text: Any, new: Any, start: int, length: int) -> Any:
    """``text`` with ``length`` characters from ``start`` replaced by ``new``."""
    if start <= 0:
        raise negative_length()
    after = start + length
    if not -INT4_MAX - 1 <= after <= INT4_MAX:
        raise int_out_of_range()
    return text[: start - 1] + new + text[max(after, 1) - 1 :]


# -- length -------------------------------------------------------------------------


@builtin("textlen")
def textlen(text: str) -> int:
    return len(text)


@builtin("bpcharlen")
def bpcharlen(text: str) -> int:
    return len(text.rstrip(" "))


@builtin("textoctetlen", "bpcharoctetlen", call=True)
def textoctetlen(call: Call, text: str) -> int:
    return len(text) if text.isascii() else len(call.session.settings.encoding.encode(text))


# -- concatenation -------------------------------------------------------------------


@builtin("textcat")
def textcat(a: str, b: str) -> str:
    return a + b


@builtin("text_substr")
def text_substr(text: str, start: int, length: int) -> str:
    found: str = substring(text, start, length)
    return found


@builtin("text_substr_no_len")
def text_substr_no_len(text: str, start: int) -> str:
    return text[max(start, 1) - 1 :]


@builtin("text_left")
def text_left(text: str, count: int) -> str:
    return text[:count] if count >= 0 or -count < len(text) else ""


@builtin("text_right")
def text_right(text: str, count: int) -> str:
    if count < -INT4_MAX:  # has no negative that int4 could hold
        return text
    return text[max(len(text) - count, 0) :] if count >= 0 else text[-count:]


@builtin("textoverlay")
def textoverlay(text: str, new: str, start: int, length: int) -> str:
    made: str = overlay(text, new, start, length)
    return made


@builtin("textoverlay_no_len")
def textoverlay_no_len(text: str, new: str, start: int) -> str:
    made: str = overlay(text, new, start, len(new))
    return made


@builtin("textpos")
def textpos(text: str, part: str) -> int:
    return text.find(part) + 1


@builtin("text_starts_with")
def text_starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


# -- padding and trimming ---------------------------------------------------------------


def _check_pad(length: int, text: str, fill: str) -> None:
    widest = 4 if not (text.isascii() and fill.isascii()) else 1
    if length * max(widest, 1) + VARHDRSZ > MAX_ALLOC or length * 4 + VARHDRSZ > MAX_ALLOC:
        raise too_large()


@builtin("lpad")
def lpad(text: str, length: int, fill: str) -> str:
    length = max(length, 0)
    missing = length - len(text) if fill else 0
    _check_pad(length if fill else min(length, len(text)), text, fill)
    if missing <= 0:
        return text[:length]
    return (fill * (missing // len(fill) + 1))[:missing] + text


@builtin("rpad")
def rpad(text: str, length: int, fill: str) -> str:
    length = max(length, 0)
    missing = length - len(text) if fill else 0
    _check_pad(length if fill else min(length, len(text)), text, fill)
    if missing <= 0:
        return text[:length]
    return text + (fill * (missing // len(fill) + 1))[:missing]


@builtin("btrim1")
def btrim1(text: str) -> str:
    return text.strip(" ")


@builtin("ltrim1")
def ltrim1(text: str) -> str:
    return text.lstrip(" ")


@builtin("rtrim1")
def rtrim1(text: str) -> str:
    return text.rstrip(" ")


@builtin("btrim")
def btrim(text: str, chars: str) -> str:
    return text.strip(chars) if chars else text


@builtin("ltrim")
def ltrim(text: str, chars: str) -> str:
    return text.lstrip(chars) if chars else text


@builtin("rtrim")
def rtrim(text: str, chars: str) -> str:
    return text.rstrip(chars) if chars else text


# -- replacing ---------------------------------------------------------------------------


@builtin("repeat", call=True)
def repeat(call: Call, text: str, count: int) -> str:
    size = textoctetlen(call, text) * max(count, 0)
    if size + VARHDRSZ > MAX_ALLOC:
        raise too_large()
    return text * max(count, 0)


@builtin("replace_text")
def replace_text(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text


@builtin("translate")
def translate(text: str, old: str, new: str) -> str:
    table: dict[int, str | None] = {}
    for i, char in enumerate(old):
        table.setdefault(ord(char), new[i] if i < len(new) else None)
    return text.translate(table)


@builtin("text_reverse")
def text_reverse(text: str) -> str:
    return text[::-1]


@builtin("ascii", call=True)
def ascii_code(call: Call, text: str) -> int:
    if not text:
        return 0
    encoding = call.session.settings.encoding
    if encoding.name == "UTF8":
        return ord(text[0])
    first: int = encoding.encode(text[0])[0]
    if first > 127 and encoding.char_length(0xF0) > 1:
        raise SqlError("requested character too large", "54000")
    return first


@builtin("chr", call=True)
def char_of(call: Call, code: int) -> str:
    encoding = call.session.settings.encoding
    if code < 0:
        raise SqlError("character number must be positive", "22023")
    if code == 0:
        raise SqlError("null character not permitted", "54000")
    if encoding.name == "UTF8" and code > 127:
        if code > 0x10FFFF:
            raise SqlError(f"requested character too large for encoding: {code}", "54000")
        if 0xD800 <= code < 0xE000:
            raise SqlError(f"requested character not valid for encoding: {code}", "54000")
        return chr(code)
    several = encoding.char_length(0xF0) > 1
    if (several and code > 127) or code > 255:
        raise SqlError(f"requested character too large for encoding: {code}", "54000")
    made: str = encoding.decode(bytes([code]))
    return made


# -- splitting and joining -----------------------------------------------------------------


@builtin("split_part")
def split_part(text: str, separator: str, field: int) -> str:
    if field == 0:
        raise SqlError("field position must not be zero", "22023")
    if not text:
        return ""
    if not separator:
        return text if field in (1, -1) else ""
    parts = text.split(separator)
    at = field - 1 if field > 0 else len(parts) + field
    return parts[at] if 0 <= at < len(parts) else ""


def _split(text: str, separator: str | None) -> list[str]:
    if separator is None:
        return list(text)
    if not text:
        return []
    return text.split(separator) if separator else [text]


@builtin("text_to_array", "text_to_array_null")
def text_to_array(
    text: str | None, separator: str | None, null: str | None = None
) -> ArrayValue | None:
    if text is None:
        return None
    parts = _split(text, separator)
    return ArrayValue.of(TEXTOID, [None if null is not None and p == null else p for p in parts])


@builtin("text_to_table", "text_to_table_null", returns_set=True)
def text_to_table(
    text: str | None, separator: str | None, null: str | None = None
) -> Iterator[str | None]:
    for part in _split(text, separator) if text is not None else ():
        yield None if null is not None and part == null else part


@builtin("array_to_text", call=True)
def array_to_text(call: Call, array: ArrayValue, separator: str) -> str:
    return _join(call, array, separator, None)


@builtin("array_to_text_null", call=True)
def array_to_text_null(
    call: Call, array: ArrayValue | None, separator: str | None, null: str | None
) -> str | None:
    if array is None or separator is None:
        return None
    return _join(call, array, separator, null)


def _join(call: Call, array: ArrayValue, separator: str, null: str | None) -> str:
    session, typid = call.session, array.elemtype
    parts = [null if v is None else text_of(session, typid, v) for v in array.elements]
    return separator.join([part for part in parts if part is not None])


# -- casts between the text types ------------------------------------------------------------


@builtin("varchar")
def varchar(text: str, typmod: int, explicit: bool) -> str:
    limit = typmod - VARHDRSZ
    if typmod < VARHDRSZ or len(text) <= limit:
        return text
    if not explicit and text[limit:].strip(" "):
        raise SqlError(f"value too long for type character varying({limit})", "22001")
    return text[:limit]


@builtin("bpchar")
def bpchar(text: str, typmod: int, explicit: bool) -> str:
    if typmod < VARHDRSZ:
        return text
    limit = typmod - VARHDRSZ
    if len(text) <= limit:
        return text.ljust(limit)
    if not explicit and text[limit:].strip(" "):
        raise SqlError(f"value too long for type character({limit})", "22001")
    return text[:limit]


def _clip(call: Call, text: str) -> str:
    encoding = call.session.settings.encoding
    clipped: str = encoding.decode(encoding.clip(encoding.encode(text), NAME_BYTES))
    return clipped


@builtin("text_name", call=True)
def text_name(call: Call, text: str) -> str:
    return text if len(text) * 4 <= NAME_BYTES else _clip(call, text)


@builtin("bpchar_name", call=True)
def bpchar_name(call: Call, text: str) -> str:
    return _clip(call, text).rstrip(" ")


@builtin("name_text", "name_bpchar")
def name_text(text: str) -> str:
    return text


@builtin("nameconcatoid", call=True)
def nameconcatoid(call: Call, name: str, oid: int) -> str:
    encoding = call.session.settings.encoding
    tail = f"_{oid}"
    head: str = encoding.decode(encoding.clip(encoding.encode(name), NAME_BYTES - len(tail)))
    return head + tail


_OCTAL = re.compile(r"\\([0-7]{3})")


@builtin("text_char", call=True)
def text_char(call: Call, text: str) -> str:
    encoding = call.session.settings.encoding
    octal = _OCTAL.fullmatch(text)
    first = bytes([int(octal[1], 8) & 0xFF]) if octal else encoding.encode(text[:1])[:1]
    made: str = "" if first in (b"", b"\0") else encoding.decode(first)
    return made


@builtin("char_text", "char_bpchar", call=True)
def char_text(call: Call, char: str) -> str:
    raw = call.session.settings.encoding.encode(char)
    return f"\\{raw[0]:03o}" if raw and raw[0] >= 0x80 else char


@builtin("chartoi4", call=True)
def chartoi4(call: Call, char: str) -> int:
    raw = call.session.settings.encoding.encode(char)
    value = raw[0] if raw else 0
    return value - 256 if value > 127 else value


@builtin("i4tochar", call=True)
def i4tochar(call: Call, code: int) -> str:
    if not -128 <= code <= 127:
        raise SqlError('"char" out of range', "22003")
    made: str = call.session.settings.encoding.decode(bytes([code & 0xFF])) if code else ""
    return made


@builtin("booltext")
def booltext(value: bool) -> str:
    return "true" if value else "false"

"""Methods of jsonpath that convert scalars, and like_regex."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.codec import codec_of
from pgtool.functions.jsonpatherror import PathError
from pgtool.functions.jsonpathtime import DateTime
from pgtool.functions.jsonpathtree import Item
from pgtool.functions.numeric import to_integer
from pgtool.functions.registry import find
from pgtool.functions.textformat import text_of

__all__ = ["convert", "like_regex"]

BOOL, INT8, INT4, FLOAT8, NUMERIC = 16, 20, 23, 701, 1700
_BAD = "22036"


def _invalid(item: Item, shown: str, type_name: str) -> PathError:
    return PathError(
        f'argument "{shown}" of jsonpath item method .{item.name}() is invalid for type '
        f"{type_name}", _BAD,
    )  # fmt: skip


def _wrong_type(item: Item, types: str) -> PathError:
    return PathError(
        f"jsonpath item method .{item.name}() can only be applied to a {types} value", _BAD
    )


def _not_finite(item: Item) -> PathError:
    return PathError(
        f"NaN or Infinity is not allowed for jsonpath item method .{item.name}()", _BAD
    )


def _input(session: Any, item: Item, text: str, typid: int, name: str, typmod: int = -1) -> Any:
    """A text as a type's value."""
    try:
        datum = session.types.io_of(typid).input(text, typmod)
    except SqlError:
        raise _invalid(item, text, name) from None
    return codec_of(session.types, typid).decode(datum)


def _shown(session: Any, value: Any) -> str:
    if isinstance(value, bytes):
        return str(session.settings.encoding.decode(value))
    return text_of(session, NUMERIC, value)


def _double(session: Any, item: Item, value: Any) -> Decimal:
    if not isinstance(value, (bytes, Decimal)):
        raise _wrong_type(item, "string or numeric")
    shown = _shown(session, value)
    number = _input(session, item, shown, FLOAT8, "double precision")
    if number != number or number in (float("inf"), float("-inf")):
        raise _not_finite(item)
    if isinstance(value, Decimal):
        return value
    made: Decimal = find("float8_numeric").scalar(number)
    return made


def _integer(session: Any, item: Item, value: Any) -> Decimal:
    typid, width, name = (INT8, 8, "bigint") if item.kind == "Bigint" else (INT4, 4, "integer")
    if isinstance(value, Decimal):
        try:
            return Decimal(to_integer(value, width))
        except SqlError:
            raise _invalid(item, _shown(session, value), name) from None
    if not isinstance(value, bytes):
        raise _wrong_type(item, "string or numeric")
    return Decimal(_input(session, item, _shown(session, value), typid, name))


def _boolean(session: Any, item: Item, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return bool(_input(session, item, _shown(session, value), INT4, "boolean"))
    if not isinstance(value, bytes):
        raise _wrong_type(item, "boolean, string, or numeric")
    shown = _shown(session, value)
    if shown != shown.strip(" \t\n\v\f\r"):
        raise _invalid(item, shown, "boolean")
    return bool(_input(session, item, shown, BOOL, "boolean"))


def _number(session: Any, item: Item, value: Any) -> Decimal:
    if isinstance(value, bytes):
        number = _input(session, item, _shown(session, value), NUMERIC, "numeric")
    elif isinstance(value, Decimal):
        number = value
    else:
        raise _wrong_type(item, "string or numeric")
    if not number.is_finite():
        raise _not_finite(item)
    if item.kind != "Decimal" or not item.args or item.args[0] is None:
        return Decimal(number)
    typmod = _numeric_typmod(item)
    made: Decimal = _input(session, item, _shown(session, value), NUMERIC, "numeric", typmod)
    return made


def _small(item: Item, number: int, what: str) -> int:
    try:
        return int(to_integer(item.arg(number).value, 4))
    except SqlError:
        raise PathError(
            f"{what} of jsonpath item method .{item.name}() is out of range for type integer", _BAD
        ) from None


def _numeric_typmod(item: Item) -> int:
    precision = _small(item, 0, "precision")
    scale = _small(item, 1, "scale") if item.args[1] is not None else 0
    if not 1 <= precision <= 1000:
        raise PathError(f"NUMERIC precision {precision} must be between 1 and 1000", "22023")
    if not -1000 <= scale <= 1000:
        raise PathError(f"NUMERIC scale {scale} must be between -1000 and 1000", "22023")
    return (precision << 16 | scale & 0x7FF) + 4


def _string(session: Any, item: Item, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, Decimal):
        return _shown(session, value).encode("ascii")
    if isinstance(value, DateTime):
        return value.text.encode("ascii")
    raise _wrong_type(item, "boolean, string, numeric, or datetime")


_CONVERT = {"Double": _double, "Bigint": _integer, "Integer": _integer, "Boolean": _boolean,
            "Decimal": _number, "Number": _number, "StringFunc": _string}  # fmt: skip


def convert(session: Any, item: Item, value: Any) -> Any:
    """A scalar converted by one of the methods."""
    return _CONVERT[item.kind](session, item, value)


# -- like_regex ---------------------------------------------------------------------------

_ICASE, _DOTALL, _MLINE, _WSPACE, _QUOTE = 1, 2, 4, 8, 16


def like_regex(session: Any, regex: tuple[int, bytes], value: bytes) -> bool:
    """Whether a string matches, with XQuery's flags."""
    flags, pattern = regex
    letters = "i" if flags & _ICASE else ""
    if flags & _QUOTE:
        letters += "q"
    else:
        if flags & _WSPACE:
            raise SqlError(
                'XQuery "x" flag (expanded regular expressions) is not implemented', "0A000"
            )
        stop, anchors = not flags & _DOTALL, bool(flags & _MLINE)
        letters += {(True, True): "n", (True, False): "p", (False, True): "w"}.get(
            (stop, anchors), ""
        )
    decode = session.settings.encoding.decode
    from pgtool.functions.registry import Call

    call = Call((25, 25, 25), BOOL, 100, session)
    return bool(find("regexp_like").scalar(call, decode(value), decode(pattern), letters))

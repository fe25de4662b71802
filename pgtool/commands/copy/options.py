"""COPY's options: what they may be, together and with each direction, in the server's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.sql.define import definition_text, definition_truth

__all__ = ["CopyOptions", "copy_options"]

SYNTAX_ERROR, INVALID, NOT_SUPPORTED = "42601", "22023", "0A000"
_MATCH = "match"
#: Characters that may not delimit in the text format.
_BAD_DELIMITERS = "\\.abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass
class CopyOptions:
    """The options of one COPY, checked and with their defaults."""

    format: str = "text"
    freeze: bool = False
    delimiter: str = "\t"
    null: str = "\\N"
    default: str | None = None
    #: False, True, or "match".
    header: Any = False
    quote: str = '"'
    escape: str = '"'
    force_quote: Any = ()
    force_not_null: Any = ()
    force_null: Any = ()
    encoding: str | None = None
    on_error: str = "stop"
    reject_limit: int = 0
    log_verbosity: str = "default"
    given: set[str] = field(default_factory=set)


def copy_options(raw: list[Any], is_from: bool) -> CopyOptions:
    """Read a list of options; SqlError as the server's."""
    out = CopyOptions()
    values: dict[str, Any] = {}
    for option in raw:
        name = option.defname
        if name not in _READERS:
            raise SqlError(f'option "{name}" not recognized', SYNTAX_ERROR,
                           position=_at(option))  # fmt: skip
        if name in values:
            raise SqlError("conflicting or redundant options", SYNTAX_ERROR, position=_at(option))
        values[name] = option
    for name, option in values.items():
        setattr(out, name, _READERS[name](option, is_from))
    out.given = set(values)
    _finish(out, is_from)
    return out


def _at(option: Any) -> int | None:
    return option.location + 1 if option.location >= 0 else None


def _text(option: Any) -> str:
    if option.arg is None:
        raise SqlError(f"{option.defname} requires a parameter", SYNTAX_ERROR)
    return definition_text(option)


def _string(option: Any, _is_from: bool) -> str:
    return _text(option)


def _format(option: Any, _is_from: bool) -> str:
    text = _text(option)
    if text not in ("text", "csv", "binary"):
        raise SqlError(f'COPY format "{text}" not recognized', INVALID, position=_at(option))
    return text


def _boolean(option: Any, _is_from: bool) -> bool:
    truth = definition_truth(option)
    if truth is None:
        raise SqlError(f"{option.defname} requires a Boolean value", SYNTAX_ERROR)
    return truth


def _header(option: Any, is_from: bool) -> Any:
    truth = definition_truth(option)
    if truth is not None:
        return truth
    if _text(option).lower() == _MATCH:
        if not is_from:
            raise SqlError(f'cannot use "{_text(option)}" with HEADER in COPY TO', NOT_SUPPORTED)
        return _MATCH
    raise SqlError(f'{option.defname} requires a Boolean value or "match"', SYNTAX_ERROR)


def _columns(option: Any, _is_from: bool) -> Any:
    if type(option.arg).__name__ == "A_Star":
        return "*"
    if isinstance(option.arg, list):
        return [item.sval for item in option.arg]
    raise SqlError(f'argument to option "{option.defname}" must be a list of column names',
                   INVALID, position=_at(option))  # fmt: skip


def _encoding(option: Any, _is_from: bool) -> str:
    from pgtool.types.encoding import encoding_by_name

    text = _text(option)
    try:
        encoding_by_name(text)
    except Unsupported:
        raise SqlError(f'argument to option "{option.defname}" must be a valid encoding name',
                       INVALID, position=_at(option)) from None  # fmt: skip
    return text


def _on_error(option: Any, is_from: bool) -> str:
    text = _text(option).lower()
    if not is_from:
        raise SqlError("COPY ON_ERROR cannot be used with COPY TO", INVALID, position=_at(option))
    if text not in ("stop", "ignore"):
        raise SqlError(f'COPY ON_ERROR "{_text(option)}" not recognized', INVALID,
                       position=_at(option))  # fmt: skip
    return text


def _reject_limit(option: Any, _is_from: bool) -> int:
    if option.arg is None:
        raise SqlError("reject_limit requires a numeric value", SYNTAX_ERROR)
    text = _text(option)
    value = int(text) if text.lstrip("-").isdigit() else 0
    if value <= 0:
        raise SqlError(f"REJECT_LIMIT ({value}) must be greater than zero", INVALID)
    return value


def _verbosity(option: Any, _is_from: bool) -> str:
    text = _text(option).lower()
    if text not in ("silent", "default", "verbose"):
        raise SqlError(f'COPY LOG_VERBOSITY "{_text(option)}" not recognized', INVALID,
                       position=_at(option))  # fmt: skip
    return text


_READERS: dict[str, Any] = {
    "format": _format, "freeze": _boolean, "delimiter": _string, "null": _string,
    "default": _string, "header": _header, "quote": _string, "escape": _string,
    "force_quote": _columns, "force_not_null": _columns, "force_null": _columns,
    "encoding": _encoding, "on_error": _on_error, "reject_limit": _reject_limit,
    "log_verbosity": _verbosity,
}  # fmt: skip


def _refuse(given: bool, message: str, code: str = SYNTAX_ERROR) -> None:
    if given:
        raise SqlError(message, code)


def _finish(o: CopyOptions, is_from: bool) -> None:
    """Defaults, and what may not go together."""
    csv, binary = o.format == "csv", o.format == "binary"
    for name in ("delimiter", "null", "default"):
        _refuse(binary and name in o.given, f"cannot specify {name.upper()} in BINARY mode")
    if csv:
        o.delimiter = o.delimiter if "delimiter" in o.given else ","
        o.null = o.null if "null" in o.given else ""
        o.escape = o.escape if "escape" in o.given else o.quote
    _refuse(len(o.delimiter.encode()) != 1, "COPY delimiter must be a single one-byte character",
            NOT_SUPPORTED)  # fmt: skip
    _refuse(o.delimiter in "\r\n", "COPY delimiter cannot be newline or carriage return", INVALID)
    _refuse(any(c in o.null for c in "\r\n"),
            "COPY null representation cannot use newline or carriage return", INVALID)  # fmt: skip
    if o.default is not None:
        _refuse(any(c in o.default for c in "\r\n"),
                "COPY default representation cannot use newline or carriage return",
                INVALID)  # fmt: skip
    _refuse(not csv and o.delimiter in _BAD_DELIMITERS,
            f'COPY delimiter cannot be "{o.delimiter}"', INVALID)  # fmt: skip
    _refuse(binary and bool(o.header), "cannot specify HEADER in BINARY mode", NOT_SUPPORTED)
    for name in ("quote", "escape"):
        _refuse(not csv and name in o.given, f"COPY {name.upper()} requires CSV mode",
                NOT_SUPPORTED)  # fmt: skip
        _refuse(csv and len(getattr(o, name).encode()) != 1,
                f"COPY {name} must be a single one-byte character", NOT_SUPPORTED)  # fmt: skip
    _refuse(csv and o.delimiter == o.quote, "COPY delimiter and quote must be different", INVALID)
    for name, direction in (("force_quote", False), ("force_not_null", True), ("force_null", True)):
        word = name.upper()
        _refuse(not csv and name in o.given, f"COPY {word} requires CSV mode", NOT_SUPPORTED)
        _refuse(name in o.given and is_from != direction,
                f"COPY {word} cannot be used with COPY {'FROM' if is_from else 'TO'}",
                INVALID if name == "force_null" else NOT_SUPPORTED)  # fmt: skip
    _together(o, csv, binary, is_from)


def _together(o: CopyOptions, csv: bool, binary: bool, is_from: bool) -> None:
    _refuse(o.delimiter in o.null, "COPY delimiter character must not appear in the NULL "
            "specification", INVALID)  # fmt: skip
    _refuse(csv and o.quote in o.null, "CSV quote character must not appear in the NULL "
            "specification", INVALID)  # fmt: skip
    _refuse(o.freeze and not is_from, "COPY FREEZE cannot be used with COPY TO", INVALID)
    if o.default is not None:
        _refuse(not is_from, "COPY DEFAULT cannot be used with COPY TO", NOT_SUPPORTED)
        _refuse(o.delimiter in o.default, "COPY delimiter character must not appear in the DEFAULT "
                "specification", INVALID)  # fmt: skip
        _refuse(csv and o.quote in o.default, "CSV quote character must not appear in the DEFAULT "
                "specification", INVALID)  # fmt: skip
        _refuse(o.default == o.null, "NULL specification and DEFAULT specification cannot be the "
                "same", NOT_SUPPORTED)  # fmt: skip
    _refuse(binary and o.on_error != "stop", "only ON_ERROR STOP is allowed in BINARY mode")
    _refuse(o.reject_limit > 0 and o.on_error != "ignore",
            "COPY REJECT_LIMIT requires ON_ERROR to be set to IGNORE", INVALID)  # fmt: skip
    if o.encoding is not None and o.encoding.lower().replace("-", "") not in ("utf8", "unicode"):
        raise Unsupported(f"COPY with ENCODING {o.encoding}")

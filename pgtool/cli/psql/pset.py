r"""\pset: the options of output, what they take, and how they are shown.

One row an option: how a value is read into the :class:`~pgtool.cli.psql.style.Style`, the
sentence that confirms it, how the list of options shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgtool.cli.psql.style import FORMATS, Style
from pgtool.cli.psql.variables import boolean
from pgtool.errors import Unsupported, UserError

__all__ = ["pset", "show_all"]

#: Forms of psql's that are not here.
_ELSEWHERE = ("latex", "latex-longtable", "troff-ms")
#: In the order in which psql lists them, and ours.
_ALL_FORMATS = ("aligned", "asciidoc", "csv", "html", "latex", "latex-longtable", "troff-ms",
                "unaligned", "wrapped", "json", "jsonl", "arrow", "parquet")  # fmt: skip

Read = Callable[[Style, str | None], None]


@dataclass(frozen=True)
class Option:
    """One option: how it is set, told, listed."""

    read: Read
    tell: Callable[[Style], str]
    show: Callable[[Style], str]
    #: Whether nothing is said where a value was given, as psql's switches have it.
    quiet: bool = False


def truth(name: str, value: str) -> bool:
    """A boolean, or the error that it is none."""
    found = boolean(value)
    if found is None:
        raise UserError(f'unrecognized value "{value}" for "{name}": Boolean expected')
    return found


def _integer(value: str) -> int:
    """The number at the beginning of a text, 0 where there is none."""
    digits = value.strip()
    sign = digits[:1] if digits[:1] in "+-" else ""
    rest = digits[len(sign) :]
    count = len(rest) - len(rest.lstrip("0123456789"))
    return int(sign + rest[:count]) if count else 0


def _on(value: bool) -> str:
    return "on" if value else "off"


def _toggle(name: str, label: str) -> Option:
    def read(style: Style, value: str | None) -> None:
        now = not getattr(style, name) if value is None else truth(name, value)
        setattr(style, name, now)

    return Option(read, lambda style: f"{label} is {_on(getattr(style, name))}.",
                  lambda style: _on(getattr(style, name)), quiet=True)  # fmt: skip


def _number(name: str, tell: Callable[[Style], str]) -> Option:
    def read(style: Style, value: str | None) -> None:
        if value is not None:
            setattr(style, name, _integer(value))

    return Option(read, tell, lambda style: str(getattr(style, name)))


def _quoted(text: str) -> str:
    shown = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{shown}'"


def _text(name: str, label: str) -> Option:
    def read(style: Style, value: str | None) -> None:
        if value is not None:
            setattr(style, name, value)

    return Option(read, lambda style: f'{label} is "{getattr(style, name)}".',
                  lambda style: _quoted(getattr(style, name)))  # fmt: skip


def _separator(name: str, label: str) -> Option:
    """A separator; a zero byte has an option of its own."""

    def tell(style: Style) -> str:
        value = getattr(style, name)
        if value == "\0":
            return f"{label} is zero byte."
        if name == "recordsep" and value == "\n":
            return f"{label} is <newline>."
        return f'{label} is "{value}".'

    plain = _text(name, label)
    return Option(plain.read, tell,
                  lambda style: _quoted(getattr(style, name).replace("\0", "")))  # fmt: skip


def _zero(name: str, label: str) -> Option:
    def read(style: Style, _value: str | None) -> None:
        setattr(style, name, "\0")

    return Option(read, _separator(name, label).tell,
                  lambda style: _on(getattr(style, name) == "\0"))  # fmt: skip


def _optional(name: str, told: str, unset: str) -> Option:
    def read(style: Style, value: str | None) -> None:
        setattr(style, name, value)

    def tell(style: Style) -> str:
        value = getattr(style, name)
        return f'{told} "{value}".' if value else unset

    def show(style: Style) -> str:
        value = getattr(style, name)
        return _quoted(value) if value else ""

    return Option(read, tell, show)


def _choice(name: str, option: str, label: str, words: tuple[str, ...], error: str) -> Option:
    def read(style: Style, value: str | None) -> None:
        if value is None:
            return
        found = [word for word in words if word.startswith(value.lower())]
        if not value or not found:
            raise UserError(f"\\pset: {error} {', '.join(words)}")
        setattr(style, name, found[0])

    shown = '{label} is "{value}".' if option.startswith("unicode") else "{label} is {value}."
    return Option(read, lambda style: shown.format(label=label, value=getattr(style, name)),
                  lambda style: str(getattr(style, name)))  # fmt: skip


def _unicode(what: str) -> Option:
    name = f"unicode_{what}_linestyle"
    return _choice(name, name, f"Unicode {what} line style", ("single", "double"),
                   "allowed Unicode border line styles are" if what == "border" else
                   f"allowed Unicode {what} line styles are")  # fmt: skip


def _read_format(style: Style, value: str | None) -> None:
    if value is None:
        return
    known = [name for name in _ALL_FORMATS if name.startswith(value.lower())]
    if value.lower() in known:
        known = [value.lower()]
    psqls = [name for name in known if name in FORMATS or name in _ELSEWHERE]
    if len(psqls) > 1 or len(known) > 1:
        pair = psqls if len(psqls) > 1 else known
        raise UserError(f'\\pset: ambiguous abbreviation "{value}" matches both '
                        f'"{pair[0]}" and "{pair[1]}"')  # fmt: skip
    if not known or not value:
        raise UserError(f"\\pset: allowed formats are {', '.join(_ALL_FORMATS[:9])}")
    if known[0] in _ELSEWHERE:
        raise Unsupported(f"\\pset format {known[0]}")
    style.format = known[0]


def _read_expanded(style: Style, value: str | None) -> None:
    if value is None:
        style.expanded = "off" if style.expanded != "off" else "on"
    elif value.lower() == "auto":
        style.expanded = "auto"
    elif boolean(value) is None:
        raise UserError(f'unrecognized value "{value}" for "expanded"\n'
                        "Available values are: on, off, auto.")  # fmt: skip
    else:
        style.expanded = _on(bool(boolean(value)))


def _tell_expanded(style: Style) -> str:
    if style.expanded == "auto":
        return "Expanded display is used automatically."
    return f"Expanded display is {style.expanded}."


def _read_separator(style: Style, value: str | None) -> None:
    if value is None:
        return
    if len(value.encode()) != 1:
        raise UserError("\\pset: csv_fieldsep must be a single one-byte character")
    if value in '"\n\r':
        raise UserError("\\pset: csv_fieldsep cannot be a double quote, a newline, "
                        "or a carriage return")  # fmt: skip
    style.csv_fieldsep = value


def _read_pager(style: Style, value: str | None) -> None:
    if value is not None and value.lower() == "always":
        style.pager = 2
    elif value is not None:
        if boolean(value) is None:
            raise UserError(f'unrecognized value "{value}" for "pager"\n'
                            "Available values are: on, off, always.")  # fmt: skip
        style.pager = int(bool(boolean(value)))
    else:
        style.pager = 0 if style.pager == 1 else 1


_PAGERS = ("Pager usage is off.", "Pager is used for long output.", "Pager is always used.")


def _tell_least(style: Style) -> str:
    count = style.pager_min_lines
    return f"Pager won't be used for less than {count} line{'' if count == 1 else 's'}."


def _read_header(style: Style, value: str | None) -> None:
    if value is None:
        return
    word = value.lower()
    if word not in ("full", "column", "page"):
        if _integer(word) == 0:
            raise UserError('\\pset: allowed xheader_width values are "full" (default), "column", '
                            '"page", or a number specifying the exact width')  # fmt: skip
        word = str(_integer(word))
    style.xheader_width = word


def _tell_columns(style: Style) -> str:
    return f"Target width is {style.columns}." if style.columns else "Target width is unset."


_OPTIONS: dict[str, Option] = {
    "border": _number("border", lambda style: f"Border style is {style.border}."),
    "columns": _number("columns", _tell_columns),
    "csv_fieldsep": Option(
        _read_separator, lambda s: f'Field separator for CSV is "{s.csv_fieldsep}".',
        lambda s: _quoted(s.csv_fieldsep)),
    "expanded": Option(_read_expanded, _tell_expanded, lambda s: s.expanded),
    "fieldsep": _separator("fieldsep", "Field separator"),
    "fieldsep_zero": _zero("fieldsep", "Field separator"),
    "footer": _toggle("footer", "Default footer"),
    "format": Option(_read_format, lambda s: f"Output format is {s.format}.", lambda s: s.format),
    "linestyle": _choice("linestyle", "linestyle", "Line style", ("ascii", "old-ascii", "unicode"),
                         "allowed line styles are"),
    "null": _text("null", "Null display"),
    "numericlocale": _toggle("numericlocale", "Locale-adjusted numeric output"),
    "pager": Option(_read_pager, lambda s: _PAGERS[s.pager], lambda s: str(s.pager)),
    "pager_min_lines": _number("pager_min_lines", _tell_least),
    "recordsep": _separator("recordsep", "Record separator"),
    "recordsep_zero": _zero("recordsep", "Record separator"),
    "tableattr": _optional("tableattr", "Table attributes are", "Table attributes unset."),
    "title": _optional("title", "Title is", "Title is unset."),
    "tuples_only": _toggle("tuples_only", "Tuples only"),
    "unicode_border_linestyle": _unicode("border"),
    "unicode_column_linestyle": _unicode("column"),
    "unicode_header_linestyle": _unicode("header"),
    "xheader_width": Option(
        _read_header, lambda s: _tell_header(s.xheader_width), lambda s: s.xheader_width),
}  # fmt: skip
_ALIASES = {"x": "expanded", "vertical": "expanded", "t": "tuples_only", "T": "tableattr",
            "C": "title"}  # fmt: skip


def _tell_header(value: str) -> str:
    return f"Expanded header width is {value}." if value.isdigit() else (
        f'Expanded header width is "{value}".')  # fmt: skip


def pset(style: Style, name: str, value: str | None) -> str:
    """Set an option; the sentence that confirms it, if there is one."""
    option = _OPTIONS.get(_ALIASES.get(name, name))
    if option is None:
        raise UserError(f"\\pset: unknown option: {name}")
    option.read(style, value)
    return "" if option.quiet and value is not None else option.tell(style)


def show_all(style: Style) -> list[tuple[str, Any]]:
    """Every option and its value, as a list shows them."""
    return [(name, option.show(style)) for name, option in _OPTIONS.items()]

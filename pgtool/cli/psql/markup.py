"""Tables as HTML and as AsciiDoc."""

from __future__ import annotations

from collections.abc import Iterator

from pgtool.cli.psql.style import Style, Table

__all__ = ["asciidoc", "html"]

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "<br />\n"}


def _escaped(text: str) -> str:
    """Text for HTML; blanks at its beginning stay."""
    bare = text.lstrip(" ")
    lead = "&nbsp;" * (len(text) - len(bare))
    return lead + "".join(_ENTITIES.get(c, c) for c in bare)


def _cell(text: str) -> str:
    return _escaped(text) if text.strip(" \t") else "&nbsp; "


def html(table: Table, style: Style) -> Iterator[str]:
    """A table element."""
    attributes = f" {style.tableattr}" if style.tableattr else ""
    yield f'<table border="{style.border}"{attributes}>'
    shown = not style.tuples_only
    if shown and table.title:
        yield f"  <caption>{_escaped(table.title)}</caption>"
    sides = ["right" if right else "left" for right in table.aligns]
    if style.expanded == "on":
        yield from _html_records(table, style, sides)
    else:
        if shown:
            yield "  <tr>"
            for name in table.names:
                yield f'    <th align="center">{_escaped(name)}</th>'
            yield "  </tr>"
        for row in table.shown(style) if table.names else ():
            yield '  <tr valign="top">'
            for text, side in zip(row, sides):
                yield f'    <td align="{side}">{_cell(text)}</td>'
            yield "  </tr>"
    yield "</table>"
    below = table.footers if style.expanded == "on" else table.below(style)
    notes = "".join(f"{_escaped(line)}<br />\n" for line in below or ())
    yield f"<p>{notes}</p>" if shown and notes else ""


def _html_records(table: Table, style: Style, sides: list[str]) -> Iterator[str]:
    for number, row in enumerate(table.shown(style) if table.names else (), 1):
        label = f' align="center">Record {number}' if not style.tuples_only else ">&nbsp;"
        yield f'\n  <tr><td colspan="2"{label}</td></tr>'
        for name, text, side in zip(table.names, row, sides):
            yield f'  <tr valign="top">\n    <th>{_escaped(name)}</th>'
            yield f'    <td align="{side}">{_cell(text)}</td>\n  </tr>'


def _piped(text: str) -> str:
    return text.replace("|", "\\|")


def _asciidoc_cell(text: str) -> str:
    return _piped(text) if text.strip(" \t") else " "


def asciidoc(table: Table, style: Style) -> Iterator[str]:
    """A table between |=== lines."""
    shown = not style.tuples_only
    yield ""
    if shown and table.title:
        yield f".{table.title}"
    yield from _asciidoc_head(table, style)
    yield "|===="
    shown_rows = table.shown(style) if table.names else []
    if style.expanded == "on":
        for number, row in enumerate(shown_rows, 1):
            yield f"2+^|Record {number}" if shown else "2+|"
            for name, text, right in zip(table.names, row, table.aligns):
                yield f"<l|{_piped(name)} {'>' if right else '<'}l|{_asciidoc_cell(text)}"
    else:
        if shown:
            yield " ".join(f"^l|{_piped(name)}" for name in table.names)
        for row in shown_rows:
            last = _piped(row[-1]) if row[-1].strip(" \t") else ""
            cells = [*map(_asciidoc_cell, row[:-1]), last]
            yield " ".join("|" + text for text in cells)
    yield "|===="
    below = table.footers if style.expanded == "on" else table.below(style)
    if shown and below:
        yield "\n....\n" + "\n".join(below) + "\n...."


def _asciidoc_head(table: Table, style: Style) -> Iterator[str]:
    frame = {0: ',frame="none",grid="none"', 1: ',frame="none"', 2: ',frame="all",grid="all"'}
    if style.expanded == "on":
        yield f'[cols="h,l"{frame[style.border]}]'
        return
    cols = ",".join(">l" if right else "<l" for right in table.aligns)
    header = ',options="header"' if not style.tuples_only else ""
    yield f'[{header[1:]}{"," if header else ""}cols="{cols}"{frame[style.border]}]'

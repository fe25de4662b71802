"""Rows to the output in the form that the style names, through a pager where one is wanted."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from pgtool.cli.psql import markup, plain
from pgtool.cli.psql.expanded import expanded
from pgtool.cli.psql.style import Style, Table
from pgtool.cli.psql.table import aligned, too_wide
from pgtool.errors import UserError

__all__ = ["open_output", "print_rows", "write_binary"]

#: Forms that are written row by row, without waiting for the last.
STREAMED = ("csv", "json", "jsonl")
BINARY = ("arrow", "parquet")


def print_rows(
    runner: Any, names: list[str], types: list[int], rows: Iterable[Any], style: Style, *,
    typmods: list[int] | None = None, title: str | None = None,
    footers: Sequence[str] | None = None,
) -> int:  # fmt: skip
    """Print rows; how many there were."""
    counted = _Counted(rows)
    # Nothing is printed of a result whose first row fails.
    ready = chain(list(islice(counted, 1)), counted)
    title = title if title is not None else style.title
    if style.format in BINARY:
        raise UserError(f"--format {style.format} has no form for this: it holds rows of one query")
    if style.format in STREAMED:
        for line in _streamed(runner, names, types, ready, style, typmods):
            runner.out.write(line + "\n")
        return counted.count
    table = Table(names, types, list(ready), title, footers)
    if runner.out is sys.stdout and sys.stdout.isatty():
        style = replace(style, terminal=shutil.get_terminal_size().columns)
    text = "".join(_whole(table, style))
    _paged(runner, text, style)
    return counted.count


class _Counted:
    """An iterator that knows how many it gave."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self.rows = iter(rows)
        self.count = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        row = next(self.rows)
        self.count += 1
        return row


def _streamed(
    runner: Any, names: list[str], types: list[int], rows: Iterable[Any], style: Style,
    typmods: list[int] | None,
) -> Iterator[str]:  # fmt: skip
    if style.format == "csv":
        return plain.csv_lines(names, rows, style)
    if style.format == "jsonl":
        return (plain.json_row(names, types, row) for row in rows)
    registry = runner.engine.session.types
    labels = [registry.format_type(t, m) for t, m in zip(types, typmods or [-1] * len(types))]
    return plain.json_document(names, types, labels, rows)


def _whole(table: Table, style: Style) -> Iterator[str]:
    """A table that is laid out as a whole."""
    if style.format == "unaligned":
        yield from plain.unaligned(table, style)
        return
    if style.format in ("html", "asciidoc"):
        draw = markup.html if style.format == "html" else markup.asciidoc
        for line in draw(table, style):
            yield line + "\n"
        return
    turned = style.expanded == "on" or (style.expanded == "auto" and too_wide(table, style))
    for line in expanded(table, style) if turned else aligned(table, style):
        yield line + "\n"
    yield "\n"


def _paged(runner: Any, text: str, style: Style) -> None:
    """Write it, through a pager if it does not fit on the terminal."""
    program = _pager(runner, text, style)
    if program is None:
        runner.out.write(text)
        return
    runner.out.flush()
    with subprocess.Popen(program, shell=True, stdin=subprocess.PIPE, text=True) as pager:
        assert pager.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the reader has seen enough
            pager.stdin.write(text)
            pager.stdin.close()


def _pager(runner: Any, text: str, style: Style) -> str | None:
    if not (style.pager and runner.out is sys.stdout and sys.stdout.isatty()
            and sys.stdin.isatty()):  # fmt: skip
        return None
    count = text.count("\n")
    columns, height = shutil.get_terminal_size()
    fits = count < height and max(map(len, text.split("\n"))) <= columns
    if style.pager != 2 and (fits or count < style.pager_min_lines):
        return None
    program = os.environ.get("PSQL_PAGER") or os.environ.get("PAGER") or "more"
    return program if program.strip() else None


def open_output(name: str) -> Any:
    """A file for rows, or the input of a command after a bar."""
    if name.startswith("|"):
        return _Pipe(name[1:])
    return open(os.path.expanduser(name), "w", encoding="utf-8", newline="")


class _Pipe:
    """The standard input of a command, as a text file; closing it waits for the command."""

    def __init__(self, command: str) -> None:
        sys.stdout.flush()
        self.process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, text=True)
        assert self.process.stdin is not None
        self.file = self.process.stdin
        self.buffer: Any = getattr(self.file, "buffer", None)
        self.status = 0

    def write(self, text: str) -> None:
        self.file.write(text)

    def flush(self) -> None:
        self.file.flush()

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.file.close()
        self.status = self.process.wait()


def write_binary(runner: Any, answer: Any, fmt: str) -> int:
    """Rows as Arrow or Parquet; how many there were."""
    from pgtool.commands.copy.answer import write_answer

    binary = getattr(runner.out, "buffer", None)
    if binary is None or runner.out.isatty():
        raise UserError(f"--format {fmt} does not go to a terminal: use -o FILE")
    if runner.binary_out is runner.out:
        raise UserError(f"a file of --format {fmt} holds the rows of one query")
    runner.binary_out = runner.out
    write_answer(binary, fmt, answer, runner.engine.session.types)
    return 0

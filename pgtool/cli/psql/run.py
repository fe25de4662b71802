"""Running input: statements through the engine, their rows to the output, errors to stderr.

:class:`Runner` is what psql is to a connection: variables, output form, where output goes,
whether to time. Backslash commands are handed to :mod:`.commands`.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from typing import IO, Any

from pgtool.cli.psql import plain, table
from pgtool.cli.psql.errors import error_lines
from pgtool.cli.psql.scan import Item, Scanner, put_in
from pgtool.errors import CorruptData, PgtoolError, UserError

__all__ = ["Runner"]

ARROW_FORMATS = ("arrow", "parquet")


def _data_lines(lines: Iterator[str], scanner: Scanner) -> Iterator[bytes]:
    """The data of COPY FROM STDIN: what follows in a script, up to a line of backslash-point."""
    ended = False
    try:
        for line in lines:
            scanner.line += 1
            ended = line.rstrip("\r\n") == "\\."
            if ended:
                return
            yield line.encode("utf-8", "surrogateescape")
        ended = True
    finally:
        # After an error the rest is data all the same.
        while not ended:
            line = next(lines, "\\.")
            scanner.line += 1
            ended = line.rstrip("\r\n") == "\\."


def standard_input() -> Iterator[bytes]:
    """The data of COPY FROM STDIN where no script is read: the program's input."""
    return iter(lambda: sys.stdin.buffer.read(1 << 20), b"")


class Runner:
    """One session's front end."""

    def __init__(self, engine: Any, fmt: str = "table") -> None:
        self.engine = engine
        engine.copy_in = standard_input
        self.fmt = fmt
        self.style = table.Style()
        self.expanded = False
        self.timing = False
        self.quiet = fmt not in ("table", "csv")
        self.variables: dict[str, str] = {"VERBOSITY": "default", "ON_ERROR_STOP": "off"}
        self.out: IO[str] = sys.stdout
        self.status = 0
        self.last = ""
        self.once: tuple[bool | None, str] | None = None
        self.stopped = False

    # -- input -------------------------------------------------------------------------

    def text(self, text: str) -> bool:
        """One text as a whole (-c); False if the next must not run."""
        if text.lstrip().startswith("\\"):
            from pgtool.cli.psql.commands import run_command

            run_command(self, text.strip())
            return not self.stopped
        return self.statement(put_in(text, self.variables)) or not self._stop_on_error()

    def script(self, lines: Iterable[str], name: str | None) -> int:
        """A script: statement after statement; the exit code."""
        scanner = Scanner(self.variables)
        lines = iter(lines)
        self.engine.copy_in = partial(_data_lines, lines, scanner)
        for line in lines:
            items = list(scanner.feed(line.rstrip("\n")))
            if not self._items(items, name):
                return self.status
        self._items(list(scanner.rest()), name)
        return self.status

    def _items(self, items: list[Item], name: str | None) -> bool:
        """Run what a line completed; False to stop."""
        for item in items:
            if item.is_command:
                from pgtool.cli.psql.commands import run_command

                run_command(self, item.text)
            elif not self.statement(item.text, name, item.line) and self._stop_on_error():
                self.status = self.status if self.status == 2 else 1
                self.stopped = True
            if self.stopped:
                return False
        return True

    def _stop_on_error(self) -> bool:
        return self.variables.get("ON_ERROR_STOP", "").lower() in ("on", "1", "true", "yes")

    # -- statements --------------------------------------------------------------------

    def statement(self, text: str, name: str | None = None, line: int = 0) -> bool:
        """Run one text; False after an error, which has been printed."""
        begin = time.perf_counter()
        self.last = text
        try:
            with self._cancellable():
                for outcome in self.engine.run(text):
                    self._notices(outcome.notices)
                    self._show(outcome)
        except PgtoolError as error:
            self.out.flush()
            prefix = f"pgtool:{name}:{line}: " if name else ""
            self._complain(error, text, prefix)
            return False
        if self.timing:
            self._line(f"Time: {(time.perf_counter() - begin) * 1000:.3f} ms")
        return True

    @contextmanager
    def _cancellable(self) -> Iterator[None]:
        """Ctrl-C cancels the statement; a second one what does not listen."""
        session = self.engine.session

        def cancel(_number: int, _frame: Any) -> None:
            if session.cancel_requested:
                raise KeyboardInterrupt
            session.cancel()

        try:
            before = signal.signal(signal.SIGINT, cancel)
        except ValueError:  # not the main thread
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _complain(self, error: PgtoolError, text: str, prefix: str) -> None:
        verbosity = self.variables.get("VERBOSITY", "default").lower()
        lines = error_lines(error, text, verbosity=verbosity)
        print(prefix + "\n".join(lines), file=sys.stderr, flush=True)
        self.status = 2 if isinstance(error, CorruptData) else max(self.status, 1)

    def _notices(self, notices: list[Any]) -> None:
        verbose = self.variables.get("VERBOSITY") == "verbose"
        for notice in notices:
            state = f"{notice.sqlstate}: " if verbose else ""
            print(f"{notice.severity}:  {state}{notice.message}", file=sys.stderr)
            if notice.detail:
                print(f"DETAIL:  {notice.detail}", file=sys.stderr)
            if notice.hint:
                print(f"HINT:  {notice.hint}", file=sys.stderr)

    # -- output ------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        self.out.write(text + "\n")

    def _show(self, outcome: Any) -> None:
        if outcome.copy_out is not None:
            self._copy(outcome.copy_out)
            return
        if outcome.answer is None:
            if not self.quiet:
                self._line(outcome.tag)
            return
        answer = outcome.answer
        if self.fmt in ARROW_FORMATS:
            self._arrow(answer)
            return
        self.rows(answer.names, answer.types, answer.texts(), typmods=answer.typmods)
        if outcome.count is not None and not self.quiet:
            self._line(outcome.tag)

    def _copy(self, pieces: Iterator[bytes]) -> None:
        """What COPY sends goes to the output as it is."""
        self.out.flush()
        binary = getattr(self.out, "buffer", None)
        for piece in pieces:
            if binary is not None:
                binary.write(piece)
            else:
                self.out.write(piece.decode("utf-8", "surrogateescape"))
        if binary is not None:
            binary.flush()

    def rows(
        self, names: list[str], types: list[int], rows: Iterable[Any], *,
        typmods: list[int] | None = None, title: str | None = None,
        footers: tuple[str, ...] | None = None,
    ) -> None:  # fmt: skip
        """Print rows in the chosen form."""
        style = table.Style(**{**vars(self.style), "title": title, "footers": footers})
        expanded = self.expanded
        if self.once is not None and self.once[0] is not None:
            expanded = self.once[0]
        kind = self.fmt
        # Nothing is printed of a result whose first row fails.
        iterator = iter(rows)
        rows = chain(list(islice(iterator, 1)), iterator)
        if kind == "table" and expanded:
            lines = table.expanded(names, rows, style)
        elif kind == "table":
            lines = table.aligned(names, types, rows, style)
        elif kind == "unaligned" and expanded:
            lines = plain.unaligned_expanded(names, rows, style)
        elif kind == "unaligned":
            lines = plain.unaligned(names, rows, style)
        elif kind == "csv":
            lines = plain.csv_lines(names, rows, style)
        elif kind == "jsonl":
            lines = (plain.json_row(names, types, row) for row in rows)
        else:
            lines = plain.json_document(names, types, self._labels(types, typmods), rows)
        write = self.out.write
        for line in lines:
            write(line + "\n")
        if kind == "table":
            write("\n")
        self._once_done()

    def _once_done(self) -> None:
        """What \\g asked for holds for one result."""
        if self.once is not None:
            self.once = None

    def _labels(self, types: list[int], typmods: list[int] | None) -> list[str]:
        registry = self.engine.session.types
        return [registry.format_type(t, m) for t, m in zip(types, typmods or [-1] * len(types))]

    def _arrow(self, answer: Any) -> None:
        from pgtool.commands.copy.answer import write_answer

        binary = getattr(self.out, "buffer", None)
        if binary is None or binary.isatty():
            raise UserError(f"--format {self.fmt} does not go to a terminal: use -o FILE")
        write_answer(binary, self.fmt, answer, self.engine.session.types)

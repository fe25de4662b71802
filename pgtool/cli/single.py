"""``pgtool single``: PostgreSQL's single-user mode, prompt and output form included.

Statements come from standard input: one a line, a backslash before the line's end going on
in the next; with ``-j`` up to a semicolon followed by an empty line. Rows are printed
attribute by attribute, as ``postgres --single`` does; errors and warnings go to standard
error in the form of the server's log. The end of input checkpoints and shuts down. The data
of COPY is standard input's next lines and goes to standard output.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import IO, Any

import click

from pgtool import __version__
from pgtool.cli.maintenance import setting_options
from pgtool.cli.options import pgdata_option
from pgtool.errors import CorruptData, PgtoolError, SqlError, UserError

PROMPT = "backend> "
_LEVELS = {"WARNING", "ERROR", "FATAL", "PANIC", "LOG"}


@click.command(short_help="Run statements in single-user mode, as postgres --single does.")
@pgdata_option()
@click.option(
    "-c", "settings", multiple=True, metavar="NAME=VALUE", help="A run-time setting. Repeatable."
)
@click.option(
    "-j", "joined", is_flag=True,
    help="A statement ends with a semicolon and an empty line, not with its line.",
)
@click.option("-E", "echo", is_flag=True, help="Echo every statement.")
@click.argument("dbname", required=False, envvar="PGDATABASE", metavar="[DBNAME]")
def command(
    pgdata: str, settings: tuple[str, ...], joined: bool, echo: bool, dbname: str | None
) -> int:
    """Run the statements of standard input on a data directory that no server has open.

    DBNAME defaults to $PGDATABASE, else to postgres. The cluster is recovered first where it
    needs that. This mode still takes statements when no transaction ids are left.
    """
    from pgtool.catalog.cluster import Cluster
    from pgtool.cli.query import ended
    from pgtool.functions.session import Session
    from pgtool.sql.engine import Engine

    options = {"application_name": "pgtool", **setting_options(settings)}
    cluster = Cluster(pgdata)
    engine = Engine(Session.open(cluster, dbname or "postgres", None, options))
    with ended(engine):
        engine.standalone()
        print(f"\nPostgreSQL stand-alone backend {cluster.major} (pgtool {__version__})")
        Backend(engine, sys.stdout, sys.stderr, echo).run(sys.stdin, joined)
    return 0


class Backend:
    """Reads statements, runs them, prints what comes out in the form of single-user mode."""

    def __init__(self, engine: Any, out: IO[str], err: IO[str], echo: bool) -> None:
        self.engine = engine
        self.out = out
        self.err = err
        self.echo = echo

    def run(self, lines: IO[str], joined: bool) -> None:
        """Until the input ends."""
        read = read_joined if joined else read_line
        self.engine.copy_in = lambda: data_lines(lines)
        while True:
            self.out.write(PROMPT)
            self.out.flush()
            text = read(lines)
            if text is None:
                return
            if self.echo:
                self.out.write(f"statement: {text}\n")
            self.statement(text)

    def statement(self, text: str) -> None:
        """One text, whose statements run in one implicit transaction."""
        try:
            for outcome in self.engine.run(text):
                for notice in outcome.notices:
                    self._notice(notice, text)
                if outcome.answer is not None:
                    self._rows(outcome.answer)
                if outcome.copy_out is not None:
                    self._copy(outcome.copy_out)
        except PgtoolError as error:
            self.out.flush()
            self._complain(error, text)

    # -- output ------------------------------------------------------------------------

    def _rows(self, answer: Any) -> None:
        info = self.engine.session.types.info
        facts = []
        for number, (typid, typmod) in enumerate(zip(answer.types, answer.typmods), 1):
            kind = info(typid)
            byval = "t" if kind.typbyval else "f"
            about = (
                f"(typeid = {typid}, len = {kind.typlen}, typmod = {typmod}, byval = {byval})"
            )
            facts.append((f"\t{number:2d}: {answer.names[number - 1]}", f"\t{about}\n"))
        self.out.write("".join(head + tail for head, tail in facts) + "\t----\n")
        for row in answer.texts():
            shown = (
                f'{head} = "{value}"{tail}'
                for (head, tail), value in zip(facts, row) if value is not None
            )  # fmt: skip
            self.out.write("".join(shown) + "\t----\n")

    def _copy(self, pieces: Iterable[bytes]) -> None:
        """What COPY TO STDOUT sends goes out as it is."""
        self.out.flush()
        binary = getattr(self.out, "buffer", None)
        for piece in pieces:
            if binary is not None:
                binary.write(piece)
            else:
                self.out.write(piece.decode("utf-8", "surrogateescape"))
        if binary is not None:
            binary.flush()

    def _notice(self, notice: Any, text: str) -> None:
        if notice.severity in _LEVELS:
            self._log(notice.severity, notice.message, notice.detail, notice.hint, text)

    def _complain(self, error: PgtoolError, text: str) -> None:
        detail = hint = context = None
        message = str(error)
        if isinstance(error, SqlError):
            message, detail, hint = error.message, error.detail, error.hint
            context = error.context
            if error.position:
                before = text.encode("utf-8", "replace")[: error.position - 1]
                message += f" at character {len(before.decode('utf-8', 'replace')) + 1}"
        elif not isinstance(error, (CorruptData, UserError)):
            message = f"not supported: {message}"
        self._log("ERROR", message, detail, hint, text, context)

    def _log(
        self, level: str, message: str, detail: str | None, hint: str | None, text: str,
        context: str | None = None,
    ) -> None:  # fmt: skip
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
        prefix = f"{stamp}.{int(now * 1000) % 1000:03d} UTC [{os.getpid()}] "
        parts = (
            (level, message), ("DETAIL", detail), ("HINT", hint), ("CONTEXT", context),
            ("STATEMENT", text if level != "WARNING" else None),
        )  # fmt: skip
        for name, words in parts:
            if words:
                shown = words.replace("\n", "\n\t")
                self.err.write(f"{prefix}{name}:  {shown}\n")
        self.err.flush()


def data_lines(lines: IO[str]) -> Iterator[bytes]:
    """The data of COPY FROM STDIN: what follows, up to a line of backslash-point.

    After an error the rest of it is data all the same.
    """
    ended = False
    try:
        while not ended:
            line = lines.readline()
            ended = not line or line.rstrip("\r\n") == "\\."
            if not ended:
                yield line.encode("utf-8", "surrogateescape")
    finally:
        while not ended:
            line = lines.readline()
            ended = not line or line.rstrip("\r\n") == "\\."


def read_line(lines: IO[str]) -> str | None:
    """A line, and those that it says go on; None at the end of the input."""
    text = lines.readline()
    if not text:
        return None
    while text.endswith("\\\n"):
        text = text[:-2] + lines.readline()
    return text


def read_joined(lines: IO[str]) -> str | None:
    """All lines up to an empty one after a semicolon; None at the end of the input."""
    text = ""
    while line := lines.readline():
        if line == "\n" and text.endswith(";\n"):
            return text
        text += line
    return text or None

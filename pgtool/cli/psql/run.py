r"""One session's front end: statements through the engine, rows to the output, errors to stderr.

:class:`Runner` is what psql is to a connection: variables, output form, where output goes,
whether to time. Input is fed to it by :mod:`.loop`; what a ``\g`` or its kin asked for the next
statement is an :class:`Once`.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, Any

from pgtool.cli.psql import results, transactions
from pgtool.cli.psql.errors import error_lines, facts_of, notice_lines
from pgtool.cli.psql.printing import print_rows
from pgtool.cli.psql.scan import put_in
from pgtool.cli.psql.style import Style
from pgtool.cli.psql.variables import Variables
from pgtool.errors import CorruptData, PgtoolError, SqlError, UserError

__all__ = ["Once", "Runner"]

#: Forms whose output is for programs: nothing but rows is printed.
_LEVELS = {"LOG": 1, "NOTICE": 2, "WARNING": 3, "ERROR": 4, "FATAL": 5, "PANIC": 6}
#: The exit code after Ctrl-C.
INTERRUPTED = 130
MACHINE = ("json", "jsonl", "arrow", "parquet")


@dataclass
class Once:
    r"""What a backslash command asked for the next statement alone."""

    file: str | None = None
    style: Style | None = None
    #: \gset's prefix.
    store: str | None = None
    execute: bool = False
    #: What \gexec found to run.
    texts: list[str] = field(default_factory=list)
    describe: bool = False
    crosstab: list[str] | None = None


def standard_input() -> Iterator[bytes]:
    """The data of COPY FROM STDIN where no script is read: the program's input."""
    return iter(lambda: sys.stdin.buffer.read(1 << 20), b"")


class Runner:
    """One session's front end."""

    def __init__(self, engine: Any, fmt: str = "aligned") -> None:
        self.engine = engine
        engine.copy_in = standard_input
        self.style = Style(format=fmt)
        self.variables = Variables()
        self.timing = False
        self.out: IO[str] = sys.stdout
        self.status = 0
        self.once = Once()
        self.previous = ""
        #: Where input comes from: (name, line) of each script, the innermost last.
        self.places: list[Any] = []
        #: Whether messages of our own come without the program's name and their kind.
        self.terse = False
        self.interactive = False
        self.stopped = False
        #: Whether Ctrl-C comes to :meth:`_interrupted` already, and whether a statement runs.
        self._catching = self._running = False
        #: False after \connect failed in a script: nothing more may run.
        self.connected = True
        #: What rows were written to in a form that a file holds once.
        self.binary_out: Any = None
        #: The output proper while \copy sends rows to a file.
        self.copying_to_file: IO[str] | None = None
        self.restricted: str | None = None
        self.last_error: tuple[PgtoolError, str] | None = None

    @property
    def quiet(self) -> bool:
        """Whether tags and confirmations are left out."""
        return self.variables.on("QUIET") or self.style.format in MACHINE

    def close(self) -> None:
        """What is open is rolled back, the directory let go."""
        self.engine.close()

    # -- messages ----------------------------------------------------------------------

    def say(self, message: str, level: str = "") -> None:
        """A message on standard error, with the place in a script that it is about."""
        self.out.flush()
        place = next((p for p in reversed(self.places) if p.name), None)
        head = ""
        if place is not None:
            head = f"pgtool:{place.name}:{place.line}: "
        elif not self.terse and level:
            head = "pgtool: "
        if level and head:
            head += f"{level}: "
        print(head + message, file=sys.stderr, flush=True)

    def complain(self, message: str) -> None:
        """An error of the front end itself."""
        self.say(message, "error")
        self.status = max(self.status, 1)

    def warn(self, message: str) -> None:
        """Something that is not done as asked."""
        self.say(message, "warning")

    def tell(self, text: str) -> None:
        """A confirmation on the output."""
        if text and not self.quiet:
            print(text, flush=True)

    # -- input -------------------------------------------------------------------------

    def text(self, text: str) -> bool:
        """One text as a whole (-c); False if the next must not run."""
        from pgtool.cli.psql.loop import one_command

        self.terse = True
        if self.variables.word("ECHO") == "all":
            print(text.removeprefix("\\"))
        if text.startswith("\\"):
            done = one_command(self, text)
        else:
            done = self.send(put_in(text, self.variables))
        return not self.stopped and (done or not self.variables.on("ON_ERROR_STOP"))

    # -- statements --------------------------------------------------------------------

    def send(self, text: str) -> bool:
        """Run one text as the variables say; False after an error, which has been printed."""
        if not self.connected:
            self.complain("You are currently not connected to a database.")
            return False
        if self.variables.word("ECHO") == "queries":
            print(text, flush=True)
        once = self.once
        begin = time.perf_counter()
        try:
            done = transactions.guarded(self, text, self._described if once.describe else self._run)
        finally:
            self.once = Once()
        if not done and self.variables.word("ECHO") == "errors":
            self.say(f"STATEMENT:  {text}")
        if self.timing:
            print(_elapsed((time.perf_counter() - begin) * 1000), flush=True)
        return done

    def _described(self, text: str) -> bool:
        """What columns a text would give."""
        return results.describe(self, text)

    def _run(self, text: str) -> bool:
        """Run one text and show what comes out."""
        count = -1
        try:
            with self.cancellable():
                last = self._last(text)
                for number, outcome in enumerate(self.engine.run(text)):
                    self._notices(outcome.notices)
                    count = results.show(self, outcome, number == last)
                    results.succeeded(self, count)
        except PgtoolError as error:
            self.failed(error, text)
            return False
        if count < 0:
            results.succeeded(self, 0)
        return results.execute(self, self.once.texts) if self.once.texts else True

    def _last(self, text: str) -> int | None:
        """The number of the last statement, where it is a special one."""
        once = self.once
        if once.store is None and not once.execute and once.crosstab is None and (
            self.variables.on("SHOW_ALL_RESULTS")
        ):  # fmt: skip
            return None
        try:
            return len(self.engine.parse(text)) - 1
        except PgtoolError:
            return None  # which the run will tell

    def cancellable(self) -> _Cancellable:
        """Ctrl-C cancels the statement; a second one what does not listen."""
        return _Cancellable(self)

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Be told of Ctrl-C while statements follow one another, rather than around each."""
        if self._catching:
            yield
            return
        try:
            before = signal.signal(signal.SIGINT, self._interrupted)
        except ValueError:  # not the main thread
            yield
            return
        self._catching = True
        try:
            yield
        finally:
            self._catching = False
            signal.signal(signal.SIGINT, before)

    def _interrupted(self, _number: int, _frame: Any) -> None:
        session = self.engine.session
        if not self._running or session.cancel_requested:
            raise KeyboardInterrupt
        session.cancel()
        if not self.interactive:
            # A script does not go on with the next statement.
            self.stopped, self.status = True, INTERRUPTED

    def failed(self, error: PgtoolError, text: str) -> None:
        """Tell an error of the engine, after what the statement told before it."""
        self._notices(getattr(error, "notices", []))
        self.last_error = (error, text)
        message, state = facts_of(error)
        self.variables |= {
            "ERROR": "true", "SQLSTATE": state, "ROW_COUNT": "0", "LAST_ERROR_MESSAGE": message,
            "LAST_ERROR_SQLSTATE": state,
        }  # fmt: skip
        context = self.variables.word("SHOW_CONTEXT") != "never"
        verbosity = self.variables.word("VERBOSITY")
        self.say("\n".join(error_lines(error, text, verbosity=verbosity, context=context)))
        self.status = 2 if isinstance(error, CorruptData) else max(self.status, 1)

    def _notices(self, notices: list[Any]) -> None:
        for notice in notices:
            least = str(self.engine.session.setting("client_min_messages"))
            if _LEVELS.get(notice.severity, 99) < _LEVELS.get(least.upper(), 0):
                continue
            self.say("\n".join(notice_lines(notice, self.variables.word("VERBOSITY"))))

    # -- the engine, for the front end itself ------------------------------------------

    def query(self, text: str) -> tuple[list[str], list[int], list[tuple[str | None, ...]]]:
        """Names, types and rows of a query of ours; errors go to the caller."""
        if not self.connected:
            raise UserError("You are currently not connected to a database.")
        hidden = self.variables.word("ECHO_HIDDEN")
        if hidden not in ("off", "false", "no", "0"):
            print(f"/******** QUERY *********/\n{text}\n/************************/\n", flush=True)
            if hidden == "noexec":
                return [], [], []
        names: list[str] = []
        types: list[int] = []
        rows: list[tuple[str | None, ...]] = []
        try:
            with self.cancellable():
                for outcome in self.engine.run(text):
                    names, types = list(outcome.answer.names), list(outcome.answer.types)
                    rows = list(outcome.answer.texts())
        except SqlError as error:
            error.position = None  # it is in a text that nobody wrote here
            raise
        return names, types, rows

    # -- output ------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """A line on the output of queries."""
        self.out.write(text + "\n")

    def rows(
        self, names: list[str], types: list[int], rows: Iterable[Any], *,
        title: str | None = None, footers: Iterable[str] | None = None, style: Style | None = None,
    ) -> int:  # fmt: skip
        """Print rows of our own in the chosen form; how many there were."""
        below = None if footers is None else list(footers)
        count = print_rows(self, names, types, rows, style or replace(self.style, title=None),
                           title=title, footers=below)  # fmt: skip
        self.out.flush()
        return count


class _Cancellable:
    """The ``with`` of :meth:`Runner.cancellable`."""

    __slots__ = ("catching", "outer", "runner")

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.outer = runner._running
        self.catching: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        if not self.runner._catching:
            self.catching = self.runner.catching()
            self.catching.__enter__()
        self.runner._running = True

    def __exit__(self, *error: Any) -> None:
        self.runner._running = self.outer
        if self.catching is not None:
            self.catching.__exit__(*error)


def _elapsed(milliseconds: float) -> str:
    r"""The line of \timing."""
    shown = f"Time: {milliseconds:.3f} ms"
    if milliseconds < 1000:
        return shown
    seconds = milliseconds / 1000
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{shown} ({int(minutes):02d}:{seconds:06.3f})"
    hours, minutes = divmod(int(minutes), 60)
    if hours < 24:
        return f"{shown} ({hours:02d}:{minutes:02d}:{seconds:06.3f})"
    days, hours = divmod(hours, 24)
    return f"{shown} ({days} d {hours:02d}:{minutes:02d}:{seconds:06.3f})"

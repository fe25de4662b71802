"""What the maintenance commands share: who they wait for, where they speak, what they open.

A maintenance command opens the directory for writing, works through one or all databases
with one running instance, and shuts it down. A running server, or another pgtool that
writes, makes it give up with exit code 3, at once or after ``--lock-timeout``.
"""

from __future__ import annotations

import functools
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pgtool.cli.options import Decorator
from pgtool.errors import ClusterInUse, UserError

if TYPE_CHECKING:
    from pgtool.catalog.cluster import Cluster
    from pgtool.sql.engine import Engine

POLL_SECONDS = 0.2
T = TypeVar("T")


def _options(*options: Decorator) -> Decorator:
    """Several options, in the order in which the help shows them."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def database_options(everything: str = "All databases.") -> Decorator:
    """``-d NAME`` and ``-a``, for :func:`databases_of`."""
    return _options(
        click.option(
            "-d", "--dbname", metavar="NAME", envvar="PGDATABASE",
            help="The database (default: $PGDATABASE, else postgres).",
        ),
        click.option("-a", "--all", "everything", is_flag=True, help=everything),
    )  # fmt: skip


#: Which tables: ``-t``, ``-n`` and ``-N``.
table_options = _options(
    click.option(
        "-t", "--table", "tables", multiple=True, metavar="PATTERN",
        help="Only these tables: schema.name with * and ?. Repeatable.",
    ),
    click.option("-n", "--schema", "schemas", multiple=True, metavar="SCHEMA",
                 help="Only tables of this schema. Repeatable."),
    click.option("-N", "--exclude-schema", "excluded", multiple=True, metavar="SCHEMA",
                 help="No tables of this schema. Repeatable."),
)  # fmt: skip


def work_options(verbose: str) -> Decorator:
    """How the work is done and shown: ``-c``, ``--dry-run``, ``-P`` and ``-v``."""
    return _options(
        click.option("-c", "settings", multiple=True, metavar="NAME=VALUE",
                     help="A run-time setting. Repeatable."),
        click.option("--dry-run", is_flag=True,
                     help="Say what would be done, and change nothing."),
        click.option("-P", "--progress", is_flag=True, help="Show progress."),
        click.option("-v", "--verbose", is_flag=True, help=verbose),
    )  # fmt: skip


def maintenance_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``-q``, ``--log FILE`` and ``--lock-timeout SECONDS``; the command gets a :class:`Log`."""

    @click.option("-q", "--quiet", is_flag=True, help="Print nothing when all is well.")
    @click.option("--log", "log_file", metavar="FILE", help="Append messages to a file instead.")
    @click.option(
        "--lock-timeout", type=click.FloatRange(min=0), metavar="SECONDS", default=0.0,
        help="Wait so long for a server to stop (default: give up at once).",
    )
    @functools.wraps(function)
    def call(quiet: bool, log_file: str | None, lock_timeout: float, **rest: Any) -> Any:
        with Log(quiet, log_file) as log:
            return function(log=log, lock_timeout=lock_timeout, **rest)

    return call


class Log:
    """Messages on standard error, or with the time of day in a file."""

    def __init__(self, quiet: bool, path: str | None) -> None:
        self.quiet = quiet
        self.path = path
        self._file = None if path is None else open(path, "a", encoding="utf-8")  # noqa: SIM115

    def __enter__(self) -> Log:
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if self._file is not None:
            if isinstance(error, Exception) and not isinstance(error, click.exceptions.Exit):
                self.warn(f"error: {error}")
            self._file.close()

    def note(self, text: str) -> None:
        """What is of interest only where somebody looks on."""
        if not self.quiet:
            self._write(text)

    def warn(self, text: str) -> None:
        """What must be seen."""
        self._write(text)

    def _write(self, text: str) -> None:
        if self._file is None:
            click.echo(f"pgtool: {text}", err=True)
            return
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._file.write("".join(f"{stamp} {line}\n" for line in text.splitlines()))
        self._file.flush()


def _patiently(attempt: Callable[[str], T], root: str, lock_timeout: float) -> T:
    """What ``attempt`` gives once nobody else has the directory open; else ClusterInUse."""
    deadline = time.monotonic() + lock_timeout
    while True:
        try:
            return attempt(root)
        except ClusterInUse:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_SECONDS)


def opened(pgdata: str, lock_timeout: float) -> Cluster:
    """The cluster, once nobody else has it open; ClusterInUse where that takes too long."""
    from pgtool.catalog.cluster import Cluster
    from pgtool.storage.datadir import READ_ANYWAY

    try:
        return _patiently(Cluster, pgdata, lock_timeout)
    except ClusterInUse as problem:  # this is for writers: they cannot go on as readers might
        raise ClusterInUse(str(problem).removesuffix(READ_ANYWAY)) from None


@contextmanager
def writing(cluster: Cluster, lock_timeout: float) -> Iterator[Any]:
    """The running instance of a cluster, shut down at the end however that comes."""
    from pgtool.cli.memory import keep_freed
    from pgtool.transam.instance import Instance

    keep_freed()

    def terminate(number: int, _frame: Any) -> None:
        raise SystemExit(128 + number)

    instance = _patiently(Instance.start, cluster.root, lock_timeout)
    keeper = instance.session()
    before = signal.signal(signal.SIGTERM, terminate)
    gc.freeze()  # modules and catalogs stay: the collector need not go over them every time
    try:
        yield instance
    finally:
        signal.signal(signal.SIGTERM, before)
        instance.end_session(keeper)
        if not instance.sessions:
            instance.shutdown()


@contextmanager
def engine_on(root: str, dbname: str, options: dict[str, str]) -> Iterator[Engine]:
    """A session on one database, which takes part in the running instance."""
    from pgtool.catalog.cluster import Cluster
    from pgtool.functions.session import Session
    from pgtool.sql.engine import Engine

    cluster = Cluster(root)
    session = Session.open(cluster, dbname, None, {"application_name": "pgtool", **options})
    engine = Engine(session)
    try:
        engine.writer()
        engine.transactions.commit()
        yield engine
    finally:
        engine.close()


def databases_of(
    cluster: Cluster, dbname: str | None, everything: bool, *, closed: bool = False
) -> list[str]:
    """The databases to work on, by name; ``closed``: also those that take no connections."""
    if everything:
        if dbname is not None:
            raise UserError("cannot work on all databases and a specific one at the same time")
        return [
            row["datname"] for row in cluster.databases()
            if (closed or row["datallowconn"]) and row["datconnlimit"] != -2
        ]  # fmt: skip
    return [dbname or "postgres"]


class Progress:
    """``-P``: what is being worked on, on standard error; on a terminal in one line."""

    def __init__(self, shown: bool, total: int) -> None:
        self.shown = shown
        self.total = total
        self.done = 0

    def step(self, what: str) -> None:
        """The next one begins."""
        self.done += 1
        if not self.shown:
            return
        line = f"{self.done}/{self.total} {what}"
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{line}", nl=False, err=True)
        else:
            click.echo(line, err=True)

    def finish(self) -> None:
        """Nothing more comes."""
        if self.shown and sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)


def setting_options(settings: tuple[str, ...]) -> dict[str, str]:
    """``-c NAME=VALUE`` as a dict."""
    out = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UserError(f'-c needs NAME=VALUE, not "{text}"')
        out[name.replace("-", "_")] = value
    return out

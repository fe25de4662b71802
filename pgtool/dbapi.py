"""DB-API 2.0 over a data directory: ``pgtool.connect(directory, dbname=…)``.

::

    with pgtool.connect("/srv/pg", dbname="shop") as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM users WHERE id = %s", (7,))
            cursor.fetchone()

paramstyle is pyformat, as psycopg's: ``%s`` and ``%(name)s``; values are bound, not pasted
in. Rows are tuples of Python values: int, Decimal, str, bytes, datetime objects, uuid.UUID,
lists of arrays, what JSON holds, dictionaries of composite values; what has no Python value
(an infinite date, a range) is its text. Lists become arrays, pure enums their member's name,
:class:`Json` and :class:`Jsonb` wrap what is to be JSON.

A connection reads until a statement writes; the directory is then open as by a server, until
the last connection of the process closes. A transaction begins with the first statement that
writes (or with BEGIN) and ends with :meth:`Connection.commit` or
:meth:`Connection.rollback`; as a context manager a connection commits, or rolls back after an
exception, and closes. With ``autocommit`` every statement is a transaction of its own.
Threads may have connections of their own (``threadsafety`` 1); those that may write (not
``read_only``) take turns, statement by statement.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pgtool import errors
from pgtool.dbvalues import CannotAdapt, Json, Jsonb, loader, typed

if TYPE_CHECKING:
    from pgtool.sql.engine import Engine

__all__ = [
    "Connection", "Cursor", "Json", "Jsonb", "apilevel", "connect", "paramstyle", "threadsafety",
]  # fmt: skip

apilevel = "2.0"
threadsafety = 1
paramstyle = "pyformat"


# -- exceptions ----------------------------------------------------------------------------


class Warning(Exception):
    """Something worth knowing."""


class Error(Exception):
    """Base of the errors; ``sqlstate`` (also ``pgcode``) where PostgreSQL has one."""

    sqlstate: str | None = None
    detail: str | None = None
    hint: str | None = None

    @property
    def pgcode(self) -> str | None:
        """The SQLSTATE, under psycopg2's name."""
        return self.sqlstate


class InterfaceError(Error):
    """The interface was used wrongly."""


class DatabaseError(Error):
    """The database, or what was asked of it, has a fault."""


class DataError(DatabaseError):
    """A value cannot be processed: class 22."""


class OperationalError(DatabaseError):
    """The directory cannot be read, or a statement was cancelled."""


class IntegrityError(DatabaseError):
    """A constraint is violated: class 23."""


class InternalError(DatabaseError):
    """Damaged files, invalid transaction states."""


class ProgrammingError(DatabaseError):
    """No such table, syntax errors, wrong parameters."""


class NotSupportedError(DatabaseError):
    """What pgtool does not implement."""


#: Beginning of an SQLSTATE → exception.
_CLASSES: tuple[tuple[str, type[DatabaseError]], ...] = (
    ("0A", NotSupportedError), ("22", DataError), ("23", IntegrityError), ("25", InternalError),
    ("2D", InternalError), ("XX", InternalError), ("08", OperationalError),
    ("53", OperationalError), ("54", OperationalError), ("55", OperationalError),
    ("57", OperationalError), ("58", OperationalError), ("21", ProgrammingError),
    ("26", ProgrammingError), ("34", ProgrammingError), ("3D", ProgrammingError),
    ("3F", ProgrammingError), ("42", ProgrammingError),
)  # fmt: skip


def _translated(error: errors.PgtoolError) -> DatabaseError:
    if isinstance(error, errors.SqlError):
        kind = next((k for start, k in _CLASSES if error.sqlstate.startswith(start)), DatabaseError)
        made = kind(error.message)
        made.sqlstate, made.detail, made.hint = error.sqlstate, error.detail, error.hint
        return made
    if isinstance(error, errors.Unsupported):
        made = NotSupportedError(str(error))
        made.sqlstate = "0A000"
        return made
    if isinstance(error, errors.CorruptData):
        made = InternalError(str(error))
        made.sqlstate = "XX001"
        return made
    return OperationalError(str(error))


# -- type objects ---------------------------------------------------------------------------


class _TypeGroup(frozenset[int]):
    """A DB-API type object: equal to each type OID of its group."""

    def __eq__(self, other: object) -> bool:
        return other in self if isinstance(other, int) else frozenset.__eq__(self, other)

    __hash__ = frozenset.__hash__


STRING = _TypeGroup({18, 19, 25, 1042, 1043})
BINARY = _TypeGroup({17})
NUMBER = _TypeGroup({20, 21, 23, 700, 701, 790, 1700})
DATETIME = _TypeGroup({1082, 1083, 1114, 1184, 1186, 1266})
ROWID = _TypeGroup({26, 27})

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes
DateFromTicks = datetime.date.fromtimestamp
TimestampFromTicks = datetime.datetime.fromtimestamp


def TimeFromTicks(ticks: float) -> datetime.time:
    """A time of day from seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks).time()


# -- parameters -----------------------------------------------------------------------------

_PLACE = re.compile(r"%(?:%|s|\((\w+)\)s|.|$)", re.S)
def _numbered(text: str, params: Any) -> tuple[str, list[Any]]:
    """``%s`` and ``%(name)s`` → $1 …, and the values in that order."""
    values: list[Any] = []
    numbers: dict[str, int] = {}
    named = isinstance(params, Mapping)

    def place(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        name = match[1]
        if match[0] != "%s" and name is None:
            raise ProgrammingError(f'only "%s" and "%(name)s" are placeholders, not "{match[0]}"')
        if named != (name is not None):
            raise ProgrammingError("positional and named placeholders do not mix")
        if name is None:
            if len(values) >= len(params):
                raise ProgrammingError("the query has more placeholders than parameters")
            values.append(params[len(values)])
            return f"${len(values)}"
        if name not in params:
            raise ProgrammingError(f"query parameter missing: {name}")
        if name not in numbers:
            values.append(params[name])
            numbers[name] = len(values)
        return f"${numbers[name]}"

    made = _PLACE.sub(place, text)
    if not named and len(values) != len(params):
        raise ProgrammingError(
            f"the query has {len(values)} placeholders but {len(params)} parameters were passed"
        )
    return made, values


def _adapted(value: Any) -> tuple[int, str | None]:
    try:
        return typed(value)
    except CannotAdapt as error:
        raise ProgrammingError(str(error)) from None


# -- connections ----------------------------------------------------------------------------


def connect(
    directory: str, dbname: str = "postgres", user: str | None = None, *,
    options: dict[str, str] | None = None, inconsistent: bool = False,
    autocommit: bool = False, read_only: bool = False,
) -> Connection:  # fmt: skip
    """Open a database of a data directory. ``options`` are settings."""
    from pgtool.catalog.cluster import Cluster
    from pgtool.functions.session import Session
    from pgtool.sql.engine import Engine

    try:
        cluster = Cluster(directory, inconsistent=inconsistent)
        session = Session.open(cluster, dbname, user, options)
        return Connection(Engine(session, read_only=read_only), autocommit)
    except errors.PgtoolError as error:
        raise _translated(error) from error


#: Connections that write share an instance of the process: one statement of theirs at a time.
_WORK = threading.RLock()
_Method = TypeVar("_Method", bound=Callable[..., Any])


def _alone(method: _Method) -> _Method:
    """While the method runs no other thread is at work on a connection that may write."""

    @functools.wraps(method)
    def locked(self: Any, *args: Any, **options: Any) -> Any:
        connection: Connection = getattr(self, "connection", self)
        engine = connection._engine
        if engine is None or engine.read_only:
            return method(self, *args, **options)
        with _WORK:
            return method(self, *args, **options)

    return cast(_Method, locked)


class Connection:
    """A session on one database. A context manager: closed at the end."""

    Warning, Error, InterfaceError, DatabaseError = Warning, Error, InterfaceError, DatabaseError
    DataError, OperationalError, IntegrityError = DataError, OperationalError, IntegrityError
    InternalError, ProgrammingError = InternalError, ProgrammingError
    NotSupportedError = NotSupportedError

    def __init__(self, engine: Engine, autocommit: bool = False) -> None:
        self._engine: Engine | None = engine
        engine.autobegin = not autocommit
        self.notices: list[str] = []

    @property
    def autocommit(self) -> bool:
        """Whether every statement is a transaction of its own."""
        return not self.engine.autobegin

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if self.engine.session.in_transaction:
            raise ProgrammingError("autocommit cannot be changed inside a transaction")
        self.engine.autobegin = not value

    @property
    def engine(self) -> Engine:
        """The layer below."""
        if self._engine is None:
            raise InterfaceError("the connection is closed")
        return self._engine

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._engine is None

    def cursor(self) -> Cursor:
        """A new cursor."""
        _ = self.engine
        return Cursor(self)

    def execute(self, query: str, params: Any = None) -> Cursor:
        """A cursor on which a statement was executed."""
        return self.cursor().execute(query, params)

    def commit(self) -> None:
        """End the transaction, if there is one; what it did stays."""
        if self.engine.session.in_transaction:
            self._end("COMMIT")

    def rollback(self) -> None:
        """End the transaction, if there is one; nothing of it stays."""
        if self.engine.session.in_transaction:
            self._end("ROLLBACK")

    @_alone
    def _end(self, text: str) -> None:
        try:
            for _outcome in self.engine.run(text):
                pass
        except errors.PgtoolError as error:
            raise _translated(error) from error

    def cancel(self) -> None:
        """Cancel the running statement (from another thread)."""
        self.engine.session.cancel()

    @_alone
    def close(self) -> None:
        """Close the connection, what is not committed rolled back; its cursors are of no use."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        try:
            if self._engine is not None:
                if kind is None:
                    self.commit()
                else:
                    self.rollback()
        finally:
            self.close()


#: Rows that iterating over a cursor takes at a time.
ITERATED = 1000


class Cursor:
    """Executes statements and holds the rows of the last."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self._tag: str | None = None
        self._rows: Iterator[tuple[Any, ...]] | None = None
        self._closed = False

    @property
    def statusmessage(self) -> str | None:
        """The command tag; a SELECT's count is known when its rows have been read."""
        if self._tag == "SELECT" and self.rowcount >= 0:
            return f"SELECT {self.rowcount}"
        return self._tag

    @_alone
    def execute(self, query: str, params: Any = None) -> Cursor:
        """Run a statement, or several without parameters; the rows are those of the last."""
        if self._closed:
            raise InterfaceError("the cursor is closed")
        engine = self.connection.engine
        self._rows, self.description, self.rowcount = None, None, -1
        try:
            if params is None:
                outcomes = engine.run(query)
            else:
                text, given = _numbered(query, params)
                values, types = self._bound(text, given)
                outcomes = engine.run(text, values, types)
            pending: Any = None
            for outcome in outcomes:
                if pending is not None:
                    for _row in pending.rows():
                        pass
                pending = outcome.answer
                self._tag = outcome.tag
                self.rowcount = -1 if outcome.count is None else outcome.count
                self.connection.notices += [n.message for n in outcome.notices]
        except errors.PgtoolError as error:
            raise _translated(error) from error
        if pending is not None:
            self._open(pending)
        return self

    def _bound(self, text: str, given: list[Any]) -> tuple[list[Any], list[int]]:
        """The parameters as values of the types that the statement gives them."""
        from pgtool.functions.codec import codec_of

        if not given:
            return [], []
        engine = self.connection.engine
        typed = [_adapted(value) for value in given]
        types = engine.parameter_types(text, [typid for typid, _ in typed])
        registry = engine.session.types
        values: list[Any] = []
        for typid, (_guess, literal) in zip(types, typed):
            if literal is None:
                values.append(None)
            else:
                datum = registry.io_of(typid).input(literal)
                values.append(codec_of(registry, typid).decode(datum))
        return values, [typid for typid, _ in typed]

    def _open(self, answer: Any) -> None:
        registry = self.connection.engine.session.types
        self.description = [
            (name, typid, None, registry.info(typid).typlen, None, None, None)
            for name, typid in zip(answer.names, answer.types)
        ]
        loaders = [loader(registry, typid) for typid in answer.types]
        self._rows = self._python(answer, loaders)

    def _python(self, answer: Any, loaders: list[Any]) -> Iterator[tuple[Any, ...]]:
        try:
            for count, columns in answer.datums():
                values = [
                    [None if d is None else load(d) for d in column]
                    for load, column in zip(loaders, columns)
                ]
                yield from zip(*values) if values else iter([()] * count)
        except errors.PgtoolError as error:
            raise _translated(error) from error

    @_alone
    def executemany(self, query: str, sequence: Sequence[Any]) -> None:
        """Run a statement for each set of parameters; the rows are thrown away."""
        total = 0
        for params in sequence:
            self.execute(query, params)
            if self._rows is not None:
                for _row in self._rows:
                    pass
            total += max(self.rowcount, 0)
        self.rowcount = total if sequence else -1

    def _fetching(self) -> Iterator[tuple[Any, ...]]:
        if self._rows is None:
            raise ProgrammingError("the last operation did not produce rows")
        return self._rows

    @_alone
    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None."""
        return next(self._fetching(), None)

    @_alone
    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows, ``arraysize`` unless told."""
        return list(itertools.islice(self._fetching(), size or self.arraysize))

    @_alone
    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        rows = list(self._fetching())
        self.rowcount = len(rows)
        return rows

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while rows := self.fetchmany(ITERATED):
            yield from rows

    def close(self) -> None:
        """Forget the rows."""
        self._rows, self._closed = None, True

    def setinputsizes(self, sizes: Any) -> None:
        """Nothing needs to be prepared for."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Nothing needs to be prepared for."""

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

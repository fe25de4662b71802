"""What a statement gives back: its command tag, its rows where it has some, its notices.

An :class:`Answer` hides whether rows come from the executor, batch by batch, or are a few
lines of text (SHOW, EXPLAIN). Rows can be asked for once, in one of three forms: texts as
a client prints them, values of :mod:`pgtool.functions.values`, or stored columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pgtool.functions.codec import NAMEDATALEN, Codec, codec_of
from pgtool.sql.internal import reported

__all__ = ["Answer", "Notice", "Outcome", "StoredAnswer", "TextAnswer", "ValueAnswer"]

TEXTOID = 25


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is not an error."""

    severity: str
    message: str
    sqlstate: str = "00000"
    detail: str | None = None
    hint: str | None = None


class Answer:
    """Rows of an executed query; ``failed`` is told when fetching them raises."""

    def __init__(self, result: Any, failed: Callable[[], None]) -> None:
        self._result = result
        self._failed = failed
        self.names: list[str] = list(result.names)
        registry = result.context.registry
        #: As a client is told: a domain's base type stands for it.
        described = [_base(registry, *pair) for pair in zip(result.types, result.typmods)]
        self.types: list[int] = [typid for typid, _ in described]
        self.typmods: list[int] = [typmod for _, typmod in described]

    def detach(self) -> None:
        """Take in what has not been read: the transaction that it is of ends."""
        self._result.source.take_all()

    def _guarded(self, rows: Iterator[Any]) -> Iterator[Any]:
        try:
            with reported():
                yield from rows
        except GeneratorExit:
            raise
        except BaseException:
            self._failed()
            raise

    def texts(self) -> Iterator[tuple[str | None, ...]]:
        """Rows in text form, None for NULL."""
        return self._guarded(self._result.texts())

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of values."""
        return self._guarded(self._result.rows())

    def stored(self) -> Iterator[tuple[int, list[Any]]]:
        """(rows, stored columns) by batches."""
        return self._guarded(self._result.stored_batches())

    def datums(self) -> Iterator[tuple[int, list[Any]]]:
        """The same as sequences of datums."""
        for count, columns in self.stored():
            yield count, [[column.datum(i) for i in range(count)] for column in columns]


def _base(registry: Any, typid: int, typmod: int) -> tuple[int, int]:
    """The type below a domain, and the type modifier that the domain gives it."""
    info = registry.info(typid)
    while info.typtype == "d":
        typid, typmod = info.typbasetype, info.typtypmod
        info = registry.info(typid)
    return typid, typmod


class TextAnswer(Answer):
    """A few rows of text, made by the engine itself."""

    def __init__(
        self, session: Any, names: list[str], lines: list[tuple[str | None, ...]],
        types: list[int] | None = None,
    ) -> None:  # fmt: skip
        self.names = names
        self.types = types or [TEXTOID] * len(names)
        self.typmods = [-1] * len(names)
        self.lines = lines
        self._codecs: list[Codec] = [codec_of(session.types, typid) for typid in self.types]

    def detach(self) -> None:
        """The lines are here."""

    def texts(self) -> Iterator[tuple[str | None, ...]]:
        return iter(self.lines)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.lines)

    def stored(self) -> Iterator[tuple[int, list[Any]]]:
        columns = [
            codec.column([line[i] for line in self.lines]) for i, codec in enumerate(self._codecs)
        ]
        return iter([(len(self.lines), columns)] if self.lines else [])


class ValueAnswer(Answer):
    """A few rows of values, all there already."""

    def __init__(
        self, session: Any, names: list[str], types: list[int], typmods: list[int],
        lines: list[tuple[Any, ...]],
    ) -> None:  # fmt: skip
        self.names = names
        registry = self._registry = session.types
        self._own_types = types
        described = [_base(registry, *pair) for pair in zip(types, typmods)]
        self.types = [typid for typid, _ in described]
        self.typmods = [typmod for _, typmod in described]
        self.lines = lines

    def detach(self) -> None:
        """The rows are here."""

    def rows(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.lines)

    def texts(self) -> Iterator[tuple[str | None, ...]]:
        ios = [self._registry.io_of(typid) for typid in self._own_types]
        codecs = [codec_of(self._registry, typid) for typid in self._own_types]
        for line in self.lines:
            yield tuple(
                None if value is None else io.output(stored_datum(codec, value))
                for io, codec, value in zip(ios, codecs, line)
            )

    def stored(self) -> Iterator[tuple[int, list[Any]]]:
        if not self.lines:
            return
        codecs = [codec_of(self._registry, typid) for typid in self._own_types]
        yield len(self.lines), [
            codec.column([line[i] for line in self.lines]) for i, codec in enumerate(codecs)
        ]


class StoredAnswer(ValueAnswer):
    """A few rows of datums as tuples store them."""

    def rows(self) -> Iterator[tuple[Any, ...]]:
        codecs = self._codecs()
        for line in self.lines:
            yield tuple(None if d is None else c.decode(d) for c, d in zip(codecs, line))

    def texts(self) -> Iterator[tuple[str | None, ...]]:
        ios = [self._registry.io_of(typid) for typid in self._own_types]
        for line in self.lines:
            yield tuple(None if d is None else io.output(d) for io, d in zip(ios, line))

    def stored(self) -> Iterator[tuple[int, list[Any]]]:
        if self.lines:
            yield len(self.lines), [
                codec.column([None if d is None else codec.decode(d) for d in column])
                for codec, column in zip(self._codecs(), zip(*self.lines))
            ]

    def datums(self) -> Iterator[tuple[int, list[Any]]]:
        if self.lines:
            yield len(self.lines), list(zip(*self.lines))

    def _codecs(self) -> list[Codec]:
        return [codec_of(self._registry, typid) for typid in self._own_types]


def stored_datum(codec: Codec, value: Any) -> bytes:
    """A value in stored form, names at their full width."""
    datum = codec.encode(value)
    return datum.ljust(NAMEDATALEN, b"\0") if codec.is_name else datum


@dataclass
class Outcome:
    """One statement's outcome. ``tag`` lacks the row count of a SELECT.

    ``count`` is how many rows a statement wrote, None where it is none that writes rows.
    ``copy_out`` are the bytes that COPY sends to the client.
    """

    tag: str
    answer: Answer | None = None
    notices: list[Notice] = field(default_factory=list)
    count: int | None = None
    copy_out: Iterator[bytes] | None = None

"""Exporting relations: from a source through a format into a file.

One relation is one job, or several jobs over ranges of its blocks, so that jobs can run
in processes of their own. A job's output goes beside its place and is renamed when it is
whole (:mod:`pgtool.storage.aside`); what stands under its own name is therefore complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pgtool.access.damage import accept_gaps
from pgtool.access.heap.scan import Batch
from pgtool.catalog.database import PG_CATALOG_NAMESPACE, Database
from pgtool.catalog.lookups import CatalogLookups
from pgtool.catalog.relation import Relation
from pgtool.catalog.settings import session_settings
from pgtool.commands.copy import arrow
from pgtool.commands.copy.dirty import DIRTY_COLUMNS, dirty_columns
from pgtool.commands.copy.formats import CopyBinary, CopyCsv, CopyText, Format
from pgtool.commands.copy.jsonl import JsonLines
from pgtool.commands.copy.large import is_large
from pgtool.commands.copy.losses import Losses
from pgtool.commands.copy.source import OutColumn, Source, columns_of
from pgtool.commands.copy.sql import SqlInserts, SqlSequence
from pgtool.errors import CorruptData, PgtoolError
from pgtool.storage.aside import written_aside
from pgtool.storage.smgr import RelationFile
from pgtool.types.column import Column, FixedColumn
from pgtool.types.registry import TypeRegistry

FORMATS = ("copy", "binary", "csv", "jsonl", "sql", "parquet", "arrow")
SUFFIX = {
    "copy": "copy", "binary": "bin", "csv": "csv", "jsonl": "jsonl", "sql": "sql",
    "parquet": "parquet", "arrow": "arrow",
}  # fmt: skip
#: What pg_dump sets, whatever the session's defaults are.
DUMP_SETTINGS = {"datestyle": "ISO", "intervalstyle": "postgres", "extra_float_digits": "3"}
#: Formats that are files of their own kind and cannot be cut into ranges.
WHOLE_FORMATS = ("parquet", "arrow")


@dataclass(frozen=True)
class Options:
    """How to export; the same for every relation."""

    fmt: str = "copy"
    header: bool = False
    dirty: bool = False
    dropped: bool = False
    salvage: bool = False
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """Why a relation was not written: the message, and the exit code that it asks for."""

    message: str
    exit_code: int

    @classmethod
    def of(cls, problem: PgtoolError) -> Failure:
        """What an error says."""
        return cls(str(problem), problem.exit_code)


@dataclass
class Outcome:
    """What one job did; ``unused_pages`` were all zeroes, as pages are before their first use."""

    rows: int = 0
    losses: list[dict[str, Any]] = field(default_factory=list)
    unused_pages: int = 0
    failure: Failure | None = None

    def add(self, part: Outcome) -> None:
        """Count in what another part of the relation did; the worst failure stands."""
        self.rows += part.rows
        self.losses += part.losses
        self.unused_pages += part.unused_pages
        worse = part.failure and part.failure.exit_code > (
            self.failure.exit_code if self.failure else 0
        )
        self.failure = part.failure if worse else self.failure


class Exporter:
    """Exports relations of one database."""

    def __init__(self, database: Database, options: Options) -> None:
        self.database = database
        self.options = options
        lookups, settings = CatalogLookups(database), options.settings
        if options.fmt == "sql":
            lookups.set_path([PG_CATALOG_NAMESPACE])  # as the preamble sets it
            settings = {**DUMP_SETTINGS, **settings}
        self.registry = TypeRegistry(session_settings(database, settings), lookups)
        self.transactions = database.cluster.transactions

    def columns(self, relation: Relation) -> list[OutColumn]:
        """The output columns of a relation."""
        options = self.options
        columns = columns_of(
            relation, generated=options.fmt not in ("copy", "binary", "csv"),
            virtual=options.fmt == "sql", dropped=options.dropped,
        )  # fmt: skip
        return [*DIRTY_COLUMNS, *columns] if options.dirty else columns

    def source(self, relation: Relation, losses: Losses) -> Source:
        """The reader of a relation."""
        losses.relation = relation.qualified
        source = Source(
            self.database, relation, self.columns(relation), losses,
            visible=not self.options.dirty,
        )  # fmt: skip
        for heap in source.heaps:
            _accept(heap.scan.file, losses)
            toast = getattr(heap.scan.fetch, "table", None)
            if toast is not None:
                toast.damage = losses
                _accept(toast.file, losses)
        return source

    def format(self, relation: Relation) -> Format:
        """The output format for a relation."""
        columns = self.columns(relation)
        header = self.options.header
        if self.options.fmt == "copy":
            return CopyText(columns, self.registry, header)
        if self.options.fmt == "csv":
            return CopyCsv(columns, self.registry, header)
        if self.options.fmt == "binary":
            return CopyBinary(columns, self.registry)
        if self.options.fmt == "jsonl":
            return JsonLines(columns, self.registry)
        owner = self.database.cluster.roles.get(relation.relowner, "")
        if relation.relkind == "S":
            return SqlSequence(relation, self.registry, owner)
        return SqlInserts(relation, columns, self.registry, owner)

    def _complete(self, source: Source, batch: Batch) -> list[Column]:
        """The stored columns of a batch with the derived ones in their places."""
        stored = iter(batch.columns)
        derived: Iterator[Column] = iter(())
        if self.options.dirty:
            derived = iter(dirty_columns(batch.tuples, self.transactions))
        return [
            next(stored) if c.number is not None
            else next(derived) if c.attribute is None else FixedColumn(_no_values(len(batch)))
            for c in source.columns
        ]  # fmt: skip

    def run(
        self, relation: Relation, out: BinaryIO, *, first: int = 0, stop: int | None = None,
        begin: bool = True, end: bool = True, progress: Callable[[int], None] | None = None,
    ) -> Outcome:  # fmt: skip
        """Write a relation, or a range of its blocks, to a binary file."""
        outcome = Outcome()
        losses = Losses(self.options.salvage)
        try:
            source = self.source(relation, losses)
        except CorruptData as problem:  # the catalogs do not describe it whole
            losses(problem)
            outcome.losses = losses.found
            return outcome
        sink: arrow.Writer | _Bytes
        if self.options.fmt in WHOLE_FORMATS:
            sink = arrow.Writer(out, self.options.fmt, source, self.registry)
        else:
            sink = _Bytes(out, self.format(relation), begin, end)
        done = first
        for _heap, batch in source.batches(first, stop):
            columns = self._complete(source, batch)

            def unreadable(number: int, row: int, problem: CorruptData, batch: Any = batch) -> None:
                losses.value(batch.tuples, row, source.columns[number].name, problem)

            sink.write(columns, len(batch), unreadable)
            outcome.rows += len(batch)
            if progress is not None:
                here = batch.tuples.first_block + len(batch.tuples.all_visible)
                progress(max(here - done, 0))
                done = here
        source.missing(tail=stop is None or end, thorough=self.options.salvage)
        sink.close()
        outcome.losses = losses.found
        outcome.unused_pages = sum(len(heap.scan.empty) for heap in source.heaps)
        return outcome


def _no_values(rows: int) -> Any:
    import numpy as np

    return np.zeros(rows, np.uint8)


def _accept(file: RelationFile, losses: Losses) -> None:
    """With salvage, note what is missing of a relation's files and go on with the rest."""
    if losses.salvage:
        accept_gaps(file, losses)


class _Bytes:
    """A format that writes bytes one batch after another."""

    def __init__(self, out: BinaryIO, form: Format, begin: bool, end: bool) -> None:
        self.out = out
        self.form = form
        self.end = end
        if begin:
            self._put(form.begin())

    def write(self, columns: Any, rows: int, unreadable: Any) -> None:
        """One batch."""
        if is_large(columns, rows):
            for piece in self.form.pieces(columns, unreadable):
                self._put(piece)
        elif rows:
            self._put(self.form.rows(columns, rows, unreadable))

    def close(self) -> None:
        """The end of the relation."""
        if self.end:
            self._put(self.form.end())

    def _put(self, data: Any) -> None:
        """All of it: an unbuffered file may take less than it is given."""
        done = self.out.write(data)
        while done < len(data):
            data = memoryview(data)[done:]
            done = self.out.write(data)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))


def file_name(relation: Relation, fmt: str) -> str:
    """``schema.table.suffix``, what a file system may not like written as %XX."""

    def safe(name: str) -> str:
        return "".join(c if c.isalnum() or c in "_-$ " else _percent(c) for c in name)

    return f"{safe(relation.nspname)}.{safe(relation.relname)}.{SUFFIX[fmt]}"


def attempt(path: str, write: Callable[[BinaryIO], Outcome]) -> Outcome:
    """Let ``write`` fill a file; what keeps this one relation from it is in the outcome."""
    try:
        with written_aside(path) as out:
            return write(out)
    except PgtoolError as problem:
        return Outcome(failure=Failure.of(problem))

"""A query's rows as Arrow or Parquet: the column forms of :mod:`.arrow` over an answer.

What an Arrow type cannot hold is known only when it is met, so the batches of an answer are
kept until the last has been seen.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from pgtool.commands.copy.arrow import ArrowColumn, _pyarrow, record_batch, table_of
from pgtool.commands.copy.source import OutColumn
from pgtool.errors import PgtoolError
from pgtool.types.registry import TypeRegistry

__all__ = ["answer_table", "write_answer"]


def answer_table(answer: Any, registry: TypeRegistry) -> Any:
    """The rows of an answer as a ``pyarrow.Table``."""
    kinds = [
        ArrowColumn(OutColumn(name, typid, typmod, None), registry)
        for name, typid, typmod in zip(answer.names, answer.types, answer.typmods)
    ]
    batches = list(answer.stored())
    for number, kind in enumerate(kinds):
        if kind.doubtful and not all(kind.holds(columns[number]) for _n, columns in batches):
            kind.become_text()
    return table_of(kinds, [
        record_batch(kinds, columns, rows, _unreadable) for rows, columns in batches
    ])  # fmt: skip


def _unreadable(_number: int, _row: int, problem: PgtoolError) -> None:
    raise problem


def write_answer(out: BinaryIO, fmt: str, answer: Any, registry: TypeRegistry) -> None:
    """Write an answer as a Parquet or an Arrow (IPC) file."""
    pa = _pyarrow()
    table = answer_table(answer, registry)
    file = pa.PythonFile(out, "w")
    if fmt == "parquet":
        from pyarrow import parquet

        parquet.write_table(table, file)
    else:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)

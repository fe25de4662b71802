"""SELECTs on a real server and on pgtool over the files that it wrote: same rows, names, types.

Statements are the hand-written ones of ``queries/handwritten.sql`` and generated ones. Order
counts where the statement ends with an ORDER BY; of errors the SQLSTATE counts. What pgtool
refuses with Unsupported is counted apart, by name.

``python -m tests.differential.selects [--count N] [--out FILE]`` runs everything.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgtool.errors import PgtoolError, SqlError, Unsupported
from tests.differential.generator import generate

__all__ = ["Answers", "Outcome", "both_sides", "handwritten", "run"]

HERE = Path(__file__).parent / "queries"
FLOATS = (700, 701)
FLOAT_ARRAYS = (1021, 1022)
CLOSE = 1e-11
OURS_TIMEOUT = "60s"
#: Refused statements shown for each reason.
EXAMPLES = 5


@dataclass
class Answers:
    """What one side said: columns and rows of text, or an SQLSTATE."""

    names: list[str] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    error: str = ""
    message: str = ""


@dataclass
class Outcome:
    """What a run found."""

    passed: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[tuple[str, str, str]]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    seconds: float = 0.0

    def totals(self) -> tuple[int, int, int]:
        """(passed, wrong, refused)."""
        return (
            sum(self.passed.values()), sum(map(len, self.failed.values())),
            sum(map(len, self.refused.values())),
        )  # fmt: skip

    def report(self) -> Iterator[str]:
        """A table of shares, then every difference."""
        good, bad, refused = self.totals()
        total = good + bad + refused or 1
        yield (f"{good} of {total} agree ({100 * good / total:.1f} %), {bad} differ, "
               f"{refused} refused; {self.seconds:.0f} s")  # fmt: skip
        for category in sorted({*self.passed, *self.failed, *self.refused}):
            counts = (self.passed[category], len(self.failed[category]),
                      len(self.refused[category]))  # fmt: skip
            yield f"  {category:<22} agree {counts[0]:>4}  differ {counts[1]:>4}  refused " \
                  f"{counts[2]:>4}"  # fmt: skip
        reasons: Counter[str] = Counter(
            reason for rows in self.refused.values() for _s, reason in rows
        )
        yield "refused:"
        for reason, count in reasons.most_common():
            yield f"  {count:>4} {reason}"
        shown: Counter[str] = Counter()
        for category, refusals in sorted(self.refused.items()):
            for statement, reason in refusals:
                kind = re.sub(r"\d+", "N", reason)
                shown[kind] += 1
                if shown[kind] <= EXAMPLES:
                    yield f"\n[{category}] {statement}\n  refused {reason}"
        for category, rows in sorted(self.failed.items()):
            for statement, ours, theirs in rows:
                yield f"\n[{category}] {statement}\n  ours   {ours}\n  theirs {theirs}"


def handwritten(name: str = "handwritten.sql") -> Iterator[tuple[str, str]]:
    """(category, statement) of a file: one a line, categories as comments."""
    category = name
    for line in (HERE / name).read_text().splitlines():
        if line.startswith("-- "):
            category = line[3:]
        elif line.strip():
            yield category, line.rstrip(";")


def theirs(connection: Any, statement: str) -> Answers:
    """The server's answer, as text."""
    result = connection.pgconn.exec_(statement.encode())
    if result.status not in (1, 2):
        state = (result.error_field(ord("C")) or b"").decode()
        return Answers(error=state, message=result.error_message.decode(errors="replace").strip())
    columns = range(result.nfields)
    rows = [
        tuple(None if (v := result.get_value(r, c)) is None else v.decode() for c in columns)
        for r in range(result.ntuples)
    ]  # fmt: skip
    return Answers([result.fname(c).decode() for c in columns],
                   [result.ftype(c) for c in columns], rows)  # fmt: skip


def ours(engine: Any, statement: str) -> Answers:
    """Our answer; Unsupported goes through."""
    try:
        out = Answers()
        for outcome in engine.run(statement):
            if outcome.answer is not None:
                out = Answers(outcome.answer.names, outcome.answer.types,
                              list(outcome.answer.texts()))  # fmt: skip
        return out
    except Unsupported:
        raise
    except SqlError as error:
        return Answers(error=error.sqlstate, message=error.message)
    except PgtoolError as error:
        return Answers(error="PGTOO", message=repr(error))
    except Exception as error:
        frame = traceback.extract_tb(sys.exc_info()[2])[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        return Answers(error="CRASH", message=f"{type(error).__name__}: {error} at {place}")


def is_ordered(statement: str) -> bool:
    """Whether the outermost level has an ORDER BY."""
    plain = re.sub(r"'[^']*'", "''", statement)
    while True:
        smaller = re.sub(r"\([^()]*\)", "", plain)
        if smaller == plain:
            return "ORDER BY" in plain.upper()
        plain = smaller


def same_value(a: Any, b: Any, typid: int) -> bool:
    if a == b:
        return True
    if a is None or b is None or typid not in (*FLOATS, *FLOAT_ARRAYS):
        return False
    left, right = re.split("[{},]", a), re.split("[{},]", b)
    try:
        return len(left) == len(right) and all(
            x == y or math.isclose(float(x), float(y), rel_tol=CLOSE, abs_tol=1e-300)
            for x, y in zip(left, right)
        )  # fmt: skip
    except ValueError:
        return False


def difference(statement: str, mine: Answers, other: Answers) -> tuple[str, str] | None:
    """What differs, ours and theirs; None where nothing does."""
    if mine.error or other.error:
        if mine.error == other.error:
            return None
        return tuple(
            f"{a.error} {a.message}".strip() if a.error else f"{len(a.rows)} rows {a.rows[:2]}"
            for a in (mine, other)
        )  # type: ignore[return-value]
    if mine.names != other.names:
        return f"names {mine.names}", f"names {other.names}"
    if mine.types != other.types:
        return f"types {mine.types}", f"types {other.types}"
    a, b = mine.rows, other.rows
    if not is_ordered(statement):
        a, b = sorted(a, key=repr), sorted(b, key=repr)
    if len(a) != len(b):
        return f"{len(a)} rows {a[:3]}", f"{len(b)} rows {b[:3]}"
    for number, (x, y) in enumerate(zip(a, b)):
        if not all(map(same_value, x, y, mine.types)):
            return f"row {number} {x}", f"row {number} {y}"
    return None


def run(
    engine: Any, connection: Any, statements: Iterable[tuple[str, str]], budget: float = math.inf
) -> Outcome:
    """Compare statement by statement, for ``budget`` seconds of our own."""
    out = Outcome()
    for category, statement in statements:
        if out.seconds > budget:
            break
        begin = time.perf_counter()
        try:
            mine = ours(engine, statement)
        except Unsupported as refusal:
            out.seconds += time.perf_counter() - begin
            other = theirs(connection, statement)
            if other.error == "0A000":
                out.passed[category] += 1
            else:
                out.refused[category].append((statement, str(refusal)))
            continue
        out.seconds += time.perf_counter() - begin
        found = difference(statement, mine, theirs(connection, statement))
        if found is None:
            out.passed[category] += 1
        else:
            out.failed[category].append((statement, *found))
    return out


def both_sides(
    server: Any, target: Path, schema: str = "schema.sql", text: str | None = None
) -> tuple[Any, Any]:
    """Load a schema, copy the files while the server is down: (our engine, a connection)."""
    from pgtool.catalog.cluster import Cluster
    from pgtool.functions.session import Session
    from pgtool.sql.engine import Engine

    server.psql((HERE / schema).read_text() if text is None else text)
    server.stop()
    shutil.copytree(server.data, target)
    server.start()
    session = Session.open(Cluster(str(target)), "postgres")
    session.set("timezone", "UTC")
    session.set("statement_timeout", OURS_TIMEOUT)
    connection = server.connect()
    connection.execute("SET timezone = 'UTC'; SET max_parallel_workers_per_gather = 0")
    return Engine(session), connection


def main() -> None:
    """Run everything against a fresh 18."""
    import tempfile

    from tests.servers import cluster

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2600)
    parser.add_argument("--seed", type=int, default=20260)
    parser.add_argument("--files", nargs="*", default=["handwritten.sql"])
    parser.add_argument("--out")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    statements = [item for name in options.files for item in handwritten(name)]
    statements += generate(options.count, options.seed)
    statements = [item for item in statements if options.only in item[0]]
    with cluster(18) as server, tempfile.TemporaryDirectory() as place:
        outcome = run(*both_sides(server, Path(place) / "data"), statements)
    text = "\n".join(outcome.report()) + "\n"
    if options.out:
        Path(options.out).write_text(text)
        text = text.split("\n\n", 1)[0]
    print(text)


if __name__ == "__main__":
    main()

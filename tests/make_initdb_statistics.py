"""Write pgtool/catalog/data/initdb/statistics.bin: what ANALYZE says of the catalogs.

Usage: ``python -m tests.make_initdb_statistics``, after any change to what initdb puts into
the catalogs (twice, since these statistics are rows of a catalog themselves). A real server
analyzes a cluster that initdb made; the rows of pg_statistic are taken as they are stored.
A test has ANALYZE find the same again.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from pgtool.catalog.cluster import Cluster
from tests.own_cluster import own_cluster

OUT = Path(__file__).resolve().parent.parent / "pgtool" / "catalog" / "data" / "initdb"
OPTIONS = ("--locale=C", "-E", "UTF8")
FIRST_UNPINNED = 12000


def statistics(data: Path, database: str = "template1") -> list[list[Any]]:
    """The rows of pg_statistic about catalogs; stored values as hexadecimal text."""
    table = Cluster(str(data)).database(database).catalog("pg_statistic")
    rows = [[_plain(v) for v in row.values()] for row in table if row["starelid"] < FIRST_UNPINNED]
    return sorted(rows, key=lambda row: row[:3])


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def main() -> None:
    """Have a real server analyze, and write the file."""
    with own_cluster(*OPTIONS) as server:
        server.psql("analyze", "template1")
        server.stop()
        rows = statistics(server.data)
    body = json.dumps(rows, separators=(",", ":")).encode()
    (OUT / "statistics.bin").write_bytes(zlib.compress(body, 9))


if __name__ == "__main__":
    main()

"""Statistics of the catalogs, as the planner wants them from the first query on.

``statistics.bin`` holds the rows that a real server's ANALYZE made of the catalogs of a
cluster like this one (see ``tests/make_initdb_statistics.py``): names of the machine's
collations and of the superuser differ, which statistics do not mind.
"""

from __future__ import annotations

import json
import zlib

from pgtool.catalog.genesis.declared import read_bytes
from pgtool.catalog.genesis.facts import Row
from pgtool.catalog.genesis.rows import Rows


def add_statistics(rows: Rows) -> None:
    """The rows of pg_statistic; texts in them are stored values in hexadecimal."""
    found: list[Row] = json.loads(zlib.decompress(read_bytes("statistics.bin")))
    for row in found:
        row[:] = [bytes.fromhex(v) if isinstance(v, str) else v for v in row]
    rows.of["pg_statistic"] = found

"""Write pgtool/catalog/data/bootstrap.json from real servers.

Usage: ``python -m tests.make_catalog_data CONNINFO…``, one connection string for each
major. The file holds the attribute lists of the catalogs that must be read before
pg_attribute can be (the mapped ones), and of those without which nothing can be salvaged;
everything else a data directory says itself.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import psycopg

OUT = Path(__file__).resolve().parent.parent / "pgtool" / "catalog" / "data" / "bootstrap.json"
CATALOGS = (
    "pg_class", "pg_attribute", "pg_type", "pg_proc", "pg_database", "pg_authid", "pg_tablespace",
    "pg_namespace", "pg_inherits", "pg_enum", "pg_range", "pg_index", "pg_depend",
)  # fmt: skip
QUERY = """
    select a.attname, a.atttypid::int, a.attlen, a.attalign::text, a.attbyval,
           a.attstorage::text, a.attndims
    from pg_attribute a where attrelid = %s::regclass and attnum > 0 order by attnum
"""


def describe(conninfo: str) -> tuple[int, dict[str, object]]:
    """(major, {catalog: facts}) of one server."""
    with psycopg.connect(conninfo) as connection:
        major = connection.info.server_version // 10000
        out: dict[str, object] = {}
        for name in CATALOGS:
            row = connection.execute(
                "select oid::int, relisshared from pg_class where oid = %s::regclass", (name,)
            ).fetchone()
            assert row is not None
            attributes = connection.execute(QUERY, (name,)).fetchall()
            out[name] = {
                "oid": row[0], "shared": row[1], "attributes": [list(a) for a in attributes]
            }  # fmt: skip
        return major, out


def main(conninfos: list[str]) -> None:
    """Ask every server; keep the majors that were not asked."""
    facts = json.loads(OUT.read_text()) if OUT.exists() else {}
    for conninfo in conninfos:
        major, found = describe(conninfo)
        facts[str(major)] = found
    body = json.dumps(dict(sorted(facts.items())), indent=1)
    OUT.write_text(_compact(body))


def _compact(body: str) -> str:
    """Each attribute on one line."""
    one_row = r"\[\s+(\"[^\[\]]*?)\s+\]"
    return re.sub(one_row, lambda m: "[" + re.sub(r",\s+", ", ", m[1]) + "]", body) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])

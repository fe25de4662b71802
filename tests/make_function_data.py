"""Write the facts behind pg_get_keywords and pg_stat_get_io from real servers.

Usage: ``python -m tests.make_function_data CONNINFO…``, one connection string for each
major; majors that are not asked stay as they are. In ``keywords.json`` every word has its
category's letter, small where it needs AS as a column label, with the majors that have it
so. In ``io.json`` every row of pg_stat_get_io has the letters of what it counts.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import psycopg

DATA = Path(__file__).resolve().parent.parent / "pgtool" / "catalog" / "data"
#: Letter of an operation → its column.
OPERATIONS = {
    "r": "reads", "w": "writes", "b": "writebacks", "x": "extends", "h": "hits",
    "e": "evictions", "u": "reuses", "f": "fsyncs",
}  # fmt: skip
FIRST_WITH_IO = 16


def keywords(connection: psycopg.Connection) -> dict[str, str]:
    """Word → letter."""
    query = "select word, catcode::text, barelabel from pg_get_keywords()"
    found = connection.execute(query).fetchall()
    return {word: code if bare else code.lower() for word, code, bare in found}


def io_rows(connection: psycopg.Connection) -> list[list[str]]:
    """(process, object, context, letters of the operations that are counted)."""
    columns = ", ".join(f"{name} is not null" for name in OPERATIONS.values())
    query = f"select backend_type, object, context, {columns} from pg_stat_get_io()"
    return [
        [*row[:3], "".join(letter for letter, is_there in zip(OPERATIONS, row[3:]) if is_there)]
        for row in connection.execute(query).fetchall()
    ]


def main(conninfos: list[str]) -> None:
    """Ask every server; keep the majors that were not asked."""
    words: dict[int, dict[str, str]] = defaultdict(dict)
    place, io_place = DATA / "keywords.json", DATA / "io.json"
    if place.exists():
        for word, letter, majors in json.loads(place.read_text()):
            for major in majors:
                words[major][word] = letter
    rows = json.loads(io_place.read_text()) if io_place.exists() else {}
    for conninfo in conninfos:
        with psycopg.connect(conninfo) as connection:
            major = connection.info.server_version // 10000
            words[major] = keywords(connection)
            if major >= FIRST_WITH_IO:
                rows[str(major)] = io_rows(connection)
    majors_of: dict[tuple[str, str], list[int]] = defaultdict(list)
    for major in sorted(words):
        for word, letter in words[major].items():
            majors_of[word, letter].append(major)
    lines = [json.dumps([*key, majors_of[key]]) for key in sorted(majors_of)]
    place.write_text("[" + ",\n ".join(lines) + "]\n")
    parts = [
        f'"{major}": [' + ",\n  ".join(json.dumps(row) for row in rows[major]) + "]"
        for major in sorted(rows)
    ]
    io_place.write_text("{" + ",\n ".join(parts) + "}\n")


if __name__ == "__main__":
    main(sys.argv[1:])

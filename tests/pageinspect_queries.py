"""What the pageinspect extension is asked about a relation, by the kind of the relation.

A row is (function, SQL of one call, first block, which fork). `{r}` is the relation's name as
a literal, `{b}` the block, `{p}` the page image. A call that fails is an answer too: its error
text is kept, since the function refuses pages that are not its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = tuple[str, str, int]

ANY: tuple[Row, ...] = (
    ("page_header", "page_header({p})", 0),
    ("page_checksum", "page_checksum({p}, {b})", 0),
)
BY_KIND: dict[str, tuple[Row, ...]] = {
    "heap": (
        ("heap_page_items", "heap_page_items({p})", 0),
        ("heap_page_item_attrs", "heap_page_item_attrs({p}, {r}::regclass)", 0),
        ("heap_page_item_attrs_detoasted",
         "heap_page_item_attrs({p}, {r}::regclass, true)", 0),
        ("heap_tuple_infomask_flags",
         "(SELECT lp, f.* FROM heap_page_items({p}) i, "
         "heap_tuple_infomask_flags(t_infomask, t_infomask2) f "
         "WHERE t_infomask IS NOT NULL) AS x", 0),
    ),
    "sequence": (("heap_page_items", "heap_page_items({p})", 0),),
    "btree": (
        ("bt_metap", "bt_metap({r})", -1),
        ("bt_page_stats", "bt_page_stats({r}, {b})", 1),
        ("bt_page_items", "bt_page_items({r}, {b})", 1),
        ("bt_multi_page_stats", "bt_multi_page_stats({r}, {b}, 1)", 1),
    ),
    "hash": (
        ("hash_page_type", "hash_page_type({p})", 0),
        ("hash_metapage_info", "hash_metapage_info({p})", -1),
        ("hash_page_stats", "hash_page_stats({p})", 1),
        ("hash_page_items", "hash_page_items({p})", 1),
        ("hash_bitmap_info", "hash_bitmap_info({r}::regclass, {b})", 1),
    ),
    "gin": (
        ("gin_metapage_info", "gin_metapage_info({p})", -1),
        ("gin_page_opaque_info", "gin_page_opaque_info({p})", 0),
        ("gin_leafpage_items", "gin_leafpage_items({p})", 1),
    ),
    "gist": (
        ("gist_page_opaque_info", "gist_page_opaque_info({p})", 0),
        ("gist_page_items_bytea", "gist_page_items_bytea({p})", 0),
        ("gist_page_items", "gist_page_items({p}, {r}::regclass)", 0),
    ),
    "brin": (
        ("brin_page_type", "brin_page_type({p})", 0),
        ("brin_metapage_info", "brin_metapage_info({p})", -1),
        ("brin_revmap_data", "brin_revmap_data({p})", 1),
        ("brin_page_items", "brin_page_items({p}, {r}::regclass)", 2),
    ),
    "spgist": (),
    "bloom": (),
    "fsm": (("fsm_page_contents", "fsm_page_contents({p})", 0),),
    "vm": (),
    "init": (),
}


def calls(kind: str, pages: int) -> list[tuple[str, str, int]]:
    """(function, SQL, block) for every call about a fork with that many pages."""
    out = []
    for function, sql, first in (*ANY, *BY_KIND.get(kind, ())):
        blocks = [0] if first < 0 else range(first, pages)
        out += [(function, sql, block) for block in blocks]
    return sorted(out, key=lambda call: call[2])


def answers(connection: Any, relation: str, fork: str, path: str, kind: str,
            pages: int) -> list[dict[str, Any]]:
    """Ask about every block of a fork; a row holds each column as the server prints it.

    The pages come from the file, since those in shared buffers have no checksum yet.
    """
    import psycopg

    literal = "'" + relation.replace("'", "''") + "'"
    out: list[dict[str, Any]] = []
    missing: set[str] = set()
    for function, sql, block in calls(kind, pages):
        if function in missing:
            continue
        page = f"pg_read_binary_file('{path}', {block * 8192}, 8192)"
        call = sql.format(r=literal, b=block, p=page)
        entry: dict[str, Any] = {"relation": relation, "fork": fork, "kind": kind,
                                 "function": function, "block": block}
        try:
            cursor = connection.execute(f"SELECT * FROM {call}")
            entry["columns"] = [d.name for d in cursor.description]
            entry["rows"] = [[_text(v) for v in row] for row in cursor.fetchall()]
        except psycopg.errors.UndefinedFunction:
            missing.add(function)
            continue
        except psycopg.Error as error:
            entry["error"] = str(error).split("\n")[0]
        out.append(entry)
    return out


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


class TextLoader:
    """Installs text results as they are: every type comes back as the server's own bytes."""

    @staticmethod
    def install(connection: Any) -> None:
        from psycopg.adapt import Loader

        class Raw(Loader):
            def load(self, data: Any) -> bytes:
                return bytes(data)

        for oid in _type_oids(connection):
            connection.adapters.register_loader(oid, Raw)
        connection.adapters.register_loader(0, Raw)


def _type_oids(connection: Any) -> list[int]:
    return [row[0] for row in connection.execute("SELECT oid::int FROM pg_type").fetchall()]


def dump(entries: list[dict[str, Any]], path: Path) -> None:
    """One JSON object a line, keys in order: small after compression and easy to compare."""
    with open(path, "w") as file:
        for entry in entries:
            file.write(json.dumps(entry, sort_keys=True, ensure_ascii=False) + "\n")

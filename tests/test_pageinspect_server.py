"""Every pageinspect function against the extension, on every block of a database.

The database holds every kind of page (``tests.page_scenario``); each major that has the
extension is compared with its own. The bytes that we decode are those that the server
says it decodes (get_raw_page), so that hint bits set meanwhile make no difference.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from formats.deform import Attribute
from formats.errors import PgtoolError
from formats.pages import build_page, detect, parse_page
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.database import Database
from pgtool.cli.render import text
from pgtool.inspect.functions import FUNCTIONS
from pgtool.inspect.rawpage import RawPage
from pgtool.inspect.typed import Shape, shape_of
from tests.page_scenario import SCENARIO
from tests.servers import Server

NULL = "<null>"
FIRST_USER_OID = 16384
Rows = dict[int, list[list[str]]]

#: access method → functions that take a page of one of its relations.
BY_AM = {
    "heap": ("heap_page_items", "heap_page_item_attrs"),
    "btree": ("bt_page_stats", "bt_multi_page_stats", "bt_page_items", "bt_metap"),
    "hash": ("hash_page_type", "hash_page_stats", "hash_page_items", "hash_bitmap_info",
             "hash_metapage_info"),
    "gin": ("gin_metapage_info", "gin_page_opaque_info", "gin_leafpage_items"),
    "gist": ("gist_page_opaque_info", "gist_page_items_bytea", "gist_page_items"),
    "brin": ("brin_page_type", "brin_metapage_info", "brin_revmap_data", "brin_page_items"),
}  # fmt: skip
#: Functions whose SQL form takes something other than the page: (relation, block) → call.
CALLS = {
    "page_checksum": "page_checksum({page}, {block})",
    "heap_page_item_attrs": "heap_page_item_attrs({page}, {rel})",
    "bt_metap": "bt_metap({rel})",
    "bt_page_stats": "bt_page_stats({rel}, {block})",
    "bt_multi_page_stats": "bt_multi_page_stats({rel}, {block}, 1)",
    "gist_page_items": "gist_page_items({page}, {rel}::regclass)",
    "brin_page_items": "brin_page_items({page}, {rel}::regclass)",
    "hash_bitmap_info": "hash_bitmap_info({rel}::regclass, {block})",
}


class Relation(NamedTuple):
    """One fork of a relation."""

    oid: int
    name: str
    am: str
    fork: str
    blocks: int
    attributes: list[Attribute]


@pytest.fixture(scope="module", params=[14, 15, 16, 17, 18], ids=lambda m: f"pg{m}")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    from tests.conftest import need
    from tests.servers import cluster

    need(request.param)
    with cluster(request.param) as server:
        if "pageinspect" not in server.install.contrib:
            pytest.skip(f"PostgreSQL {request.param} here has no pageinspect")
        server.psql(SCENARIO)
        yield server


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Any]:
    """One connection, with the tables that the comparison writes to."""
    with server.connect() as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("CREATE TEMP TABLE raw (b int, page bytea)")
        connection.execute("CREATE TEMP TABLE got (s serial, b int, failed bool, v text)")
        yield connection


def relations(connection: Any) -> Iterator[Relation]:
    """Every fork of every relation of the database; of catalogs only the first blocks."""
    rows = connection.execute(
        "SELECT c.oid, c.oid::regclass::text, coalesce(a.amname, 'sequence') FROM pg_class c"
        " LEFT JOIN pg_am a ON a.oid = c.relam WHERE relkind IN ('r', 'i', 't', 'm', 'S')"
        " AND relpersistence <> 't' ORDER BY c.oid"
    ).fetchall()
    for oid, name, am in rows:
        attributes = [
            Attribute(*row) for row in connection.execute(
                "SELECT attlen, attalign, attname FROM pg_attribute"
                " WHERE attrelid = %s AND attnum > 0 ORDER BY attnum", (oid,))
        ]  # fmt: skip
        for fork in ("main", "fsm", "vm", "init"):
            size = connection.execute(
                "SELECT pg_relation_size(%s, %s) / 8192", (oid, fork)
            ).fetchone()[0]
            blocks = min(size, 1) if oid < FIRST_USER_OID else size
            if blocks:
                yield Relation(oid, name, am, fork, blocks, attributes)


def load(connection: Any, relation: Relation) -> list[bytes]:
    """The pages of a relation, in the table ``raw`` and here."""
    connection.execute("TRUNCATE raw")
    connection.execute(
        "INSERT INTO raw SELECT b, get_raw_page(%s, %s, b) FROM generate_series(0, %s) b",
        (relation.name, relation.fork, relation.blocks - 1),
    )
    rows = connection.execute("SELECT page FROM raw ORDER BY b", binary=True).fetchall()
    return [row[0] for row in rows]


def some(pages: list[bytes]) -> list[bytes]:
    """The first pages of a relation, where the odd ones are, and a share of the others."""
    return pages[:4] + pages[4::11]


def theirs(connection: Any, function: str, relation: Relation, major: int) -> Rows:
    """block → rows of the extension; a block that raises an error has the message instead.

    ``page || ''`` hands over a page that is not TOASTed: heap_page_items keeps a pointer
    into its argument between calls, which for a TOASTed one is freed by then.
    """
    quoted = "'" + relation.name.replace("'", "''") + "'"
    call = CALLS.get(function, function + "({page})").format(page="p", rel=quoted, block="n")
    connection.execute("TRUNCATE got")
    connection.execute(f"""
        DO $$ DECLARE n int; p bytea; BEGIN
        FOR n, p IN SELECT b, page || '' FROM raw ORDER BY b LOOP
            BEGIN
                INSERT INTO got (b, failed, v) SELECT n, false, f::text FROM {call} f;
            EXCEPTION WHEN OTHERS THEN
                INSERT INTO got (b, failed, v) VALUES (n, true, SQLERRM);
            END;
        END LOOP; END $$;""")
    out: Rows = {b: [] for b in range(relation.blocks)}
    for block, failed, row in connection.execute("SELECT b, failed, v FROM got ORDER BY s"):
        out[block].append([row] if failed else _record(row, function, major))
    return out


def _record(row: str | None, function: str, major: int) -> list[Any]:
    """The columns of a composite value's text form."""
    width = len(FUNCTIONS[function].columns[major])
    if row is None:
        return [NULL] * width
    if width == 1:
        return [row]
    body = row[1:-1]
    out: list[Any] = []
    field, quoted, was_quoted, i = "", False, False, 0
    while i <= len(body):
        char = body[i : i + 1]
        if not quoted and char in (",", ""):
            out.append(field if field or was_quoted else NULL)
            field, was_quoted = "", False
        elif char == '"':
            if quoted and body[i + 1 : i + 2] == '"':
                field += '"'
                i += 1
            else:
                quoted, was_quoted = not quoted, True
        elif char == "\\":
            i += 1
            field += body[i]
        else:
            field += char
        i += 1
    return out


def ours(
    function: str, relation: Relation, pages: list[bytes], major: int,
    database: Database | None = None,
) -> Rows:  # fmt: skip
    """The same from our functions."""
    known = FUNCTIONS[function]

    def shape() -> Shape:
        assert database is not None
        return shape_of(database, database.relation(relation.oid))

    shape = functools.cache(shape)
    out: Rows = {}
    for block, data in enumerate(pages):
        if function == "bt_metap":
            data = pages[0]
        page = RawPage(data, block, major, attributes=relation.attributes, shape=shape,
                       fetch=pages.__getitem__)  # fmt: skip
        try:
            out[block] = [
                [NULL if value is None else text(value) for value in row]
                for row in known.rows(page)
            ]
        except PgtoolError as error:
            out[block] = [[getattr(error, "message", str(error))]]
    return out


def names_for(relation: Relation, major: int) -> list[str]:
    """The functions to compare on a relation's fork."""
    if relation.fork == "fsm":
        return ["page_header", "fsm_page_contents"]
    if relation.fork == "vm":
        return ["page_header"]
    if relation.fork == "init":
        return ["page_header", "page_checksum"]
    own = BY_AM.get(relation.am, ("heap_page_items",))
    return [
        "page_header", "page_checksum",
        *(name for name in own if major in FUNCTIONS[name].columns),
    ]  # fmt: skip


def test_rows_equal_the_extension(server: Server, connection: Any) -> None:
    compared = 0
    database = Cluster(str(server.data), inconsistent=True).database("postgres")
    for relation in list(relations(connection)):
        pages = load(connection, relation)
        for name in names_for(relation, server.major):
            if relation.oid < FIRST_USER_OID and name in CALLS and "{page}" not in CALLS[name]:
                continue  # reads the catalog itself, which may change while we look
            expected = theirs(connection, name, relation, server.major)
            got = ours(name, relation, pages, server.major, database)
            for block in expected:
                assert got[block] == expected[block], (name, relation.name, relation.fork, block)
                compared += len(expected[block])
    assert compared > 50_000


def test_detoasted_attributes(server: Server, connection: Any) -> None:
    database = Cluster(str(server.data), inconsistent=True).database("postgres")
    (relation,) = (r for r in relations(connection) if (r.name, r.fork) == ("toasted", "main"))
    shape = shape_of(database, database.relation(relation.oid))
    seen = 0
    for block, page in enumerate(load(connection, relation)):
        theirs = connection.execute(
            "SELECT t_attrs FROM"
            " heap_page_item_attrs(get_raw_page('toasted', %s), 'toasted', true)",
            (block,), binary=True,
        ).fetchall()  # fmt: skip
        raw = RawPage(page, block, server.major, attributes=relation.attributes,
                      shape=lambda: shape, detoast=True)  # fmt: skip
        ours = [row[-1] for row in FUNCTIONS["heap_page_item_attrs"].rows(raw)]
        assert ours == [row[0] for row in theirs]
        seen += len(ours)
    assert seen >= 12


def test_pages_of_the_wrong_kind(server: Server, connection: Any) -> None:
    """Each function on one page of each kind: the same rows or the same complaint."""
    seen: dict[str, tuple[Relation, bytes]] = {}
    for relation in list(relations(connection)):
        if relation.oid >= FIRST_USER_OID and relation.fork == "main":
            for page in some(load(connection, relation)):
                seen.setdefault(_sort_of_page(relation.am, page), (relation, page))
    assert len(seen) > 20
    relation = next(iter(seen.values()))[0]._replace(blocks=len(seen))
    pages = [page for _relation, page in seen.values()]
    connection.execute("TRUNCATE raw")
    for block, page in enumerate(pages):
        connection.execute("INSERT INTO raw VALUES (%s, %s)", (block, page))
    for name, function in FUNCTIONS.items():
        takes_page = name not in CALLS or "{rel}" not in CALLS[name]
        if name.startswith("spgist_") or not takes_page or server.major not in function.columns:
            continue
        expected = theirs(connection, name, relation, server.major)
        got = ours(name, relation, pages, server.major)
        for block, sort in enumerate(seen):
            assert got[block] == expected[block], (name, sort)


def _sort_of_page(am: str, page: bytes) -> str:
    if page == bytes(len(page)):
        return f"{am} new"
    pieces = {part.piece.name for part in parse_page(page).parts if not part.piece.item}
    return " ".join([am, *sorted(pieces)])


def test_every_page_is_rebuilt(server: Server, connection: Any) -> None:
    for relation in list(relations(connection)):
        if relation.oid < FIRST_USER_OID and relation.fork != "main":
            continue  # the maps of user relations will do
        for page in some(load(connection, relation)):
            kind = detect(page, relation.fork)
            expected = relation.am if relation.fork in ("main", "init") else relation.fork
            assert kind in (expected, "new"), relation
            assert build_page(parse_page(page, kind)) == page, relation

"""Heap writes beside the server's: the same statements leave the same pages, rows and maps.

Two tables of one shape: the server works on one, our heap on the other, in the same order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from formats.wal.record import DecodedRecord
from formats.wal.rmgrs import RmgrId
from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.hio import BulkInsert, release
from pgtool.access.heap.xmax import LockTupleMode
from pgtool.transam.instance import Instance
from pgtool.transam.tqual import TmResult
from pgtool.transam.xact import Xact
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.wal import rmgr
from tests import heap_helpers as h
from tests.servers import Server
from tests.test_rmgr_cluster import records

pytestmark = pytest.mark.server
CONF = {"wal_level": "logical", "full_page_writes": "off", "max_prepared_transactions": 4}
Make = Callable[..., Server]
MODES = {
    "UPDATE": LockTupleMode.Exclusive,
    "NO KEY UPDATE": LockTupleMode.NoKeyExclusive,
    "SHARE": LockTupleMode.Share,
    "KEY SHARE": LockTupleMode.KeyShare,
}
#: The server leaves the reason of a pruning as it finds it.
UNEQUAL = {"reason", "target_locator"}
XIDS = {"xmax", "old_xmax", "new_xmax", "snapshotConflictHorizon", "top_xid"}
SHAPE = "(k int, v text, n bigint, s smallint) WITH (autovacuum_enabled = off{})"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    from tests.conftest import need
    from tests.servers import cluster

    need(18)
    with cluster(18, conf=CONF) as made:
        for name in ("amcheck", "pageinspect", "pg_visibility", "pg_freespacemap"):
            made.extension(name)
        yield made


class Twins:
    """The two tables, and one statement done to both."""

    def __init__(self, server: Server, options: str = "") -> None:
        self.server = server
        server.psql("DROP TABLE IF EXISTS ours, theirs")
        for name in ("ours", "theirs"):
            server.psql(f"CREATE TABLE {name} {SHAPE.format(options)}")
        fill = options.partition("fillfactor = ")[2]
        self.target = h.target(server, "ours", fillfactor=int(fill or 100))
        self.statements: list[str] = []
        self.work: list[Callable[[HeapRelation, Xact], None]] = []

    def insert(self, *rows: tuple[object, ...]) -> None:
        values = ", ".join("(" + ", ".join(_literal(v) for v in r) + ")" for r in rows)
        self.statements.append(f"INSERT INTO theirs VALUES {values}")

        def work(rel: HeapRelation, xact: Xact) -> None:
            for r in rows:
                rel.insert(xact, h.row(rel, *r))

        self.work.append(work)

    def update(self, key: int, value: str) -> None:
        self.statements.append(f"UPDATE theirs SET v = {_literal(value)} WHERE k = {key}")

        def work(rel: HeapRelation, xact: Xact) -> None:
            for tid, datums in h.scan(rel, xact):
                if datums[0] == key.to_bytes(4, "little"):
                    new = h.form_tuple(rel.target.attrs, [datums[0], value.encode(), *datums[2:]])
                    assert rel.update(xact, tid, new).result == TmResult.TM_Ok

        self.work.append(work)

    def delete(self, key: int) -> None:
        self.statements.append(f"DELETE FROM theirs WHERE k = {key}")

        def work(rel: HeapRelation, xact: Xact) -> None:
            for tid, datums in h.scan(rel, xact):
                if datums[0] == key.to_bytes(4, "little"):
                    assert rel.delete(xact, tid) == TmResult.TM_Ok

        self.work.append(work)

    def lock(self, key: int, strength: str) -> None:
        self.statements.append(f"SELECT FROM theirs WHERE k = {key} FOR {strength}")
        mode = MODES[strength]

        def work(rel: HeapRelation, xact: Xact) -> None:
            for tid, datums in h.scan(rel, xact):
                if datums[0] == key.to_bytes(4, "little"):
                    assert rel.lock(xact, tid, mode)[0] == TmResult.TM_Ok

        self.work.append(work)

    def both(self, sql: str) -> None:
        """A statement that the server does to both tables, as soon as all before was done."""
        self.run()
        for name in ("ours", "theirs"):
            self.server.psql(sql.format(name))

    def run(self, group: int = 1) -> None:
        """Do what was gathered; ``group`` statements to a transaction."""
        for at in range(0, len(self.statements), group):
            part = self.statements[at : at + group]
            self.server.psql("BEGIN;" + ";".join(part) + "; COMMIT")
        self.server.stop()
        instance = Instance.start(str(self.server.data))
        rel = HeapRelation(instance, self.target)
        xact = h.session(instance, rel)
        for at in range(0, len(self.work), group):
            xact.begin()
            for work in self.work[at : at + group]:
                xact.cid()  # the server counts a command whether or not it finds a row
                work(rel, xact)
                xact.command_counter_increment()
            xact.commit()
        instance.shutdown()
        self.server.start()
        self.statements, self.work = [], []

    def compare_records(self) -> None:
        """The heap's WAL records of both tables are the same, in the same order."""
        logged: dict[int, list[DecodedRecord]] = {}
        for rec in records(self.server.segments()):
            if rec.rmid not in (RmgrId.RM_HEAP_ID, RmgrId.RM_HEAP2_ID):
                continue
            if rec.blocks:
                logged.setdefault(rec.blocks[0].rel, []).append(rec)
            elif rmgr.identify(rec) == "NEW_CID":
                where = rmgr.parse_main(rec).target_locator.relNumber
                logged.setdefault(where, []).append(rec)
        ours = _comparable(logged.get(self.target.locator.rel, []))
        theirs = _comparable(logged.get(h.locator(self.server, "theirs").rel, []))
        assert ours
        for mine, real in zip(ours, theirs):
            assert mine == real
        assert len(ours) == len(theirs)

    def compare(self) -> None:
        """Rows, line pointers, tuple headers but for xids and hints, maps; amcheck."""
        ask = self.server.psql
        assert ask("SELECT * FROM verify_heapam('ours', check_toast := true)") == ""
        for sql in (
            "SELECT * FROM {} ORDER BY ctid",
            "SELECT pg_relation_size('{0}')",
            "SELECT blkno, (page_header(get_raw_page('{0}', blkno::int))).* FROM "
            "generate_series(0, pg_relation_size('{0}') / 8192 - 1) blkno",
            "SELECT blkno, lp, lp_off, lp_flags, lp_len, t_ctid, t_infomask2, "
            "t_infomask & ~x'0F00'::int, t_hoff, t_bits, t_data, t_xmax = '0' "
            "FROM generate_series(0, pg_relation_size('{0}') / 8192 - 1) blkno, "
            "heap_page_items(get_raw_page('{0}', blkno::int))",
            "SELECT * FROM pg_visibility_map('{}')",
            "SELECT * FROM pg_freespace('{}')",
        ):
            ours, theirs = ask(sql.format("ours")), ask(sql.format("theirs"))
            if "page_header" in sql:
                ours, theirs = _no_lsn(ours), _no_lsn(theirs)
            assert ours == theirs, sql


def _no_lsn(text: str) -> list[list[str]]:
    """Page headers without LSN, checksum and prune xid."""
    return [[f for i, f in enumerate(line.split("|")) if i not in (1, 2, 9)]
            for line in text.splitlines()]  # fmt: skip


def _comparable(recs: list[DecodedRecord]) -> list[tuple[object, ...]]:
    """Records as plain values; a transaction is its number among those of the table."""
    numbers = {xid: i for i, xid in enumerate(dict.fromkeys(rec.xid for rec in recs if rec.xid))}
    out = []
    for rec in recs:
        main = rmgr.parse_main(rec)
        data = {i: rmgr.plain(part) for i, part in rmgr.parse_blocks(rec, main).items()}
        known = {k: v for k, v in rmgr.plain(main).items() if k not in UNEQUAL}
        for name in XIDS & known.keys():
            known[name] = known[name] and numbers.get(known[name], "another")
        blocks = [(b.id, b.fork, b.block, b.flags & ~0x80) for b in rec.blocks]
        xid = rec.xid and numbers[rec.xid]
        out.append((rmgr.identify(rec), rec.info, xid, known, blocks, data))
    return out


def _literal(value: object) -> str:
    return "NULL" if value is None else str(value) if isinstance(value, int) else f"'{value}'"


def rows(rng: random.Random, first: int, count: int) -> list[tuple[object, ...]]:
    return [
        (k, rng.choice([None, "x" * rng.randrange(300)]), rng.choice([None, k * 10**10]), k % 100)
        for k in range(first, first + count)
    ]


@pytest.mark.parametrize("options", ["", ", fillfactor = 50"])
def test_statement_by_statement(server: Server, options: str) -> None:
    rng = random.Random(options)
    twins = Twins(server, options)
    for k in range(20):
        twins.insert(*rows(rng, 5 * k, 5))
    for _ in range(60):
        k = rng.randrange(100)
        choice = rng.random()
        if choice < 0.6:
            twins.update(k, "u" * rng.randrange(400))
        elif choice < 0.8:
            twins.delete(k)
        else:
            twins.lock(k, rng.choice(list(MODES)))
    twins.run()
    twins.compare()
    twins.compare_records()


@pytest.mark.parametrize("options", ["", ", user_catalog_table = true"])
def test_several_statements_in_a_transaction(server: Server, options: str) -> None:
    """Rows changed again by the transaction that made them: combined command ids, own locks."""
    rng = random.Random(5)
    twins = Twins(server, options)
    twins.target.is_user_catalog = bool(options)
    twins.insert(*rows(rng, 0, 60))
    twins.run()
    for _ in range(60):
        k = rng.randrange(70)
        choice = rng.random()
        if choice < 0.2:
            twins.insert(*rows(rng, k + 1000, 2))
        elif choice < 0.7:
            twins.update(k, "w" * rng.randrange(200))
        elif choice < 0.8:
            twins.delete(k)
        else:
            twins.lock(k, rng.choice(list(MODES)))
    twins.run(group=6)
    twins.compare()
    twins.compare_records()


def test_all_visible_pages(server: Server) -> None:
    """The map's bits go with every kind of change, and frozen tuples are changed."""
    rng = random.Random(6)
    twins = Twins(server)
    twins.insert(*[(k, "y" * 500, k, 1) for k in range(100)])
    twins.both("VACUUM (FREEZE) {}")
    for k in (3, 40, 41):
        twins.update(k, "z" * 1800)
    for k in (60, 75):
        twins.delete(k)
    twins.lock(90, "UPDATE")
    twins.update(99, "q")
    twins.run()
    twins.compare()
    twins.both("VACUUM {}")
    twins.insert(*rows(rng, 200, 10))
    twins.update(5, "again")
    twins.run()
    twins.compare()
    twins.compare_records()


def test_recovered_by_the_server(server: Server) -> None:
    """A crash after every kind of record, each with the page's image: the server's redo must
    arrive at the very pages that we made, and find the rows that were committed."""
    twins = Twins(server)
    server.stop()
    instance = Instance.start(str(server.data))
    instance.wal.consistency = frozenset(range(30))
    rel = HeapRelation(instance, twins.target)
    xact = h.session(instance, rel)
    rng = random.Random(7)
    model: dict[int, tuple[object, ...]] = {}
    for turn in range(40):
        xact.begin()
        changed = _random_work(rel, xact, rng, model, turn)
        if rng.random() < 0.8:
            xact.commit()
            model = changed
        else:
            xact.abort()
        if turn == 20:
            instance.checkpoint()
    instance.wal.flush_all()
    instance.abandon()
    server.start()
    assert "inconsistent page found" not in server.tail() and "redo done" in server.tail()
    assert server.psql("SELECT * FROM verify_heapam('ours')") == ""
    found = server.psql("SELECT k, v, n, s FROM ours ORDER BY k")
    wanted = "".join(
        "|".join("" if v is None else str(v) for v in model[k]) + "\n" for k in sorted(model)
    )
    assert found == wanted


def _random_work(
    rel: HeapRelation, xact: Xact, rng: random.Random, before: dict[int, tuple[object, ...]],
    turn: int,
) -> dict[int, tuple[object, ...]]:  # fmt: skip
    """Some changes of one transaction; the rows that there are if it commits."""
    model = dict(before)
    for step in range(rng.randrange(1, 6)):
        key = 1000 * turn + 100 * step
        choice = rng.randrange(7)
        if choice == 0:
            new = rows(rng, key, rng.randrange(1, 90))
            rel.multi_insert(xact, [h.row(rel, *r) for r in new])
            model |= {int(str(r[0])): r for r in new}
        elif choice == 1:
            (new_row,) = rows(rng, key, 1)
            tid = rel.insert(xact, h.row(rel, *new_row), speculative=77)
            keep = rng.random() < 0.5
            rel.finish_speculative(xact, tid, keep=keep)
            if keep:
                model[key] = new_row
        else:
            picked = set(rng.sample(sorted(model), min(len(model), 5)))
            for tid, datums in h.scan(rel, xact):
                k = int.from_bytes(datums[0] or b"", "little")
                if k not in picked:
                    continue
                if choice < 4:
                    new_row = (k, "u" * rng.randrange(700), None, step)
                    assert rel.update(xact, tid, h.row(rel, *new_row)).result == TmResult.TM_Ok
                    model[k] = new_row
                elif choice == 4:
                    assert rel.delete(xact, tid) == TmResult.TM_Ok
                    del model[k]
                else:
                    mode = rng.choice(list(LockTupleMode))
                    assert rel.lock(xact, tid, mode)[0] == TmResult.TM_Ok
        xact.command_counter_increment()
    return model


def test_copied_in(server: Server) -> None:
    """COPY puts many rows in with a record for each page; with FREEZE they are frozen."""
    twins = Twins(server)
    data = [(k, "c" * (k % 90), None if k % 3 else k, k % 7) for k in range(700)]
    lines = "".join("\t".join("\\N" if v is None else str(v) for v in r) + "\n" for r in data)
    path = server.base / "copied"
    path.write_text(lines)
    for options, frozen in (("", False), ("WITH (FREEZE)", True)):
        before = "TRUNCATE theirs;" if frozen else ""
        server.psql(f"BEGIN; {before} COPY theirs FROM '{path}' {options}; COMMIT")
        if frozen:
            server.psql("TRUNCATE ours")
            twins.target.locator = h.locator(server, "ours")
            twins.target.is_new = True
        server.stop()
        instance = Instance.start(str(server.data))
        rel = HeapRelation(instance, twins.target)
        xact = h.session(instance, rel)
        xact.begin()
        cid, bulk = xact.cid(), BulkInsert()
        tuples = [h.row(rel, *r) for r in data]
        for at in range(0, len(tuples), 1000):
            rel.multi_insert(xact, tuples[at : at + 1000], cid=cid, frozen=frozen, bulk=bulk)
        release(rel.pool, bulk, rel.target)
        xact.commit()
        instance.shutdown()
        server.start()
        twins.compare()
        twins.compare_records()


def columns_of(data: list[tuple[object, ...]]) -> list[FixedColumn | VarColumn]:
    """Rows of (k, v, n, s) as columns."""
    out: list[FixedColumn | VarColumn] = []
    for i, dtype in ((0, "<i4"), (1, ""), (2, "<i8"), (3, "<i2")):
        values = [r[i] for r in data]
        if not dtype:
            out.append(VarColumn.of([None if v is None else str(v).encode() for v in values]))
            continue
        valid = np.array([v is not None for v in values])
        numbers = np.array([0 if v is None else v for v in values], dtype)
        out.append(FixedColumn(numbers, None if valid.all() else valid))
    return out


@pytest.mark.parametrize("options", ["", ", fillfactor = 60"])
def test_columns_at_once(server: Server, options: str) -> None:
    """Whole pages formed of columns: as if the rows had come one by one, and recoverable."""
    rng = random.Random(8)
    twins = Twins(server, options)
    data = rows(rng, 0, 400)
    data += [(k, None, None, 1) for k in range(400, 1400)]
    data += [(k, "w" * rng.randrange(2500), k, None) for k in range(1400, 1440)]
    data += [(k, rng.randbytes(rng.randrange(1000, 4000)).hex(), k, k % 9)
             for k in range(1440, 1460)]  # fmt: skip
    parts = [data[:250], data[250:251], data[251:1400], data[1400:1440], data[1440:]]
    path = server.base / "columns"
    for part in parts:
        path.write_text(
            "".join("\t".join("\\N" if v is None else str(v) for v in r) + "\n" for r in part)
        )
        server.psql(f"ALTER TABLE theirs ALTER v SET STORAGE main; COPY theirs FROM '{path}'")
    server.psql("ALTER TABLE ours ALTER v SET STORAGE main")
    twins.target.attrs = list(h.columns(server, "ours"))
    server.stop()
    instance = Instance.start(str(server.data))
    instance.wal.consistency = frozenset(range(30))
    rel = HeapRelation(instance, twins.target)
    xact = h.session(instance, rel)
    xact.begin()
    for part in parts:
        tids = rel.insert_columns(xact, columns_of(part), len(part))
        first, last = (divmod(int(tids[i]), 1 << 16) for i in (0, -1))
        for tid, wanted in ((first, part[0]), (last, part[-1])):
            stored = rel.fetch(tid)
            assert stored is not None
            assert h.deform_tuple(stored, rel.target.attrs)[0] == int(
                str(wanted[0])
            ).to_bytes(4, "little")
    xact.commit()
    instance.abandon()
    server.start()
    assert "inconsistent page found" not in server.tail()
    ask = server.psql
    for sql in (
        "SELECT * FROM {} ORDER BY k",
        "SELECT k, ctid FROM {} WHERE k < 250 ORDER BY ctid",
        "SELECT lp, lp_off, lp_len, t_ctid, t_infomask2, t_infomask & ~x'0F00'::int, t_hoff, "
        "t_bits, t_data FROM heap_page_items(get_raw_page('{}', 0)) WHERE lp < 40",
    ):
        assert ask(sql.format("ours")) == ask(sql.format("theirs"))
    assert ask("SELECT * FROM verify_heapam('ours')") == ""
    ours, theirs = (int(ask(f"SELECT pg_relation_size('{t}')")) for t in ("ours", "theirs"))
    assert ours < 1.1 * theirs


def test_unlogged(server: Server) -> None:
    """No record tells of an unlogged table; it is there after a clean shutdown."""
    server.psql("CREATE UNLOGGED TABLE quiet (k int, v text, n bigint, s smallint)")
    target = h.target(server, "quiet")
    server.stop()
    instance = Instance.start(str(server.data))
    rel = HeapRelation(instance, target)
    xact = h.session(instance, rel)
    xact.begin()
    rel.insert_columns(xact, columns_of([(k, "v", k, 1) for k in range(3000)]), 3000)
    rel.multi_insert(xact, [h.row(rel, k, "w", None, 2) for k in range(3000, 3100)])
    tid = rel.insert(xact, h.row(rel, 3100, "x", 5, 3))
    xact.commit()
    xact.begin()
    assert rel.update(xact, tid, h.row(rel, 3100, "y", 5, 3)).result == TmResult.TM_Ok
    xact.commit()
    instance.shutdown()
    server.start()
    assert server.psql("SELECT count(*), max(v) FROM quiet").strip() == "3101|y"
    assert server.psql("SELECT * FROM verify_heapam('quiet')") == ""
    touched = {
        ref.rel for rec in records(server.segments()) if rec.rmid in (9, 10) for ref in rec.blocks
    }
    assert target.locator.rel not in touched

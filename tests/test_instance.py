"""A running instance on a directory of the real server: rows, crashes, restarts."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from formats.slru import MultiXactStatus
from formats.wal import logicalmsg
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.heap.scan import HeapScan
from pgtool.access.heap.visible import AtRest
from pgtool.errors import Panic, PgtoolError, SqlError
from pgtool.storage import page as page_of
from pgtool.storage.smgr import RelationFile, RelFileLocator
from pgtool.transam.instance import Instance
from pgtool.transam.multixact import Member
from pgtool.transam.settings import InstanceSettings
from pgtool.transam.snapshot import Snapshot
from pgtool.transam.tqual import header_of
from pgtool.transam.varsup import VariableCache
from pgtool.wal.insert import Record
from tests.installs import client, run_as
from tests.servers import Server
from tests.write_helpers import insert_int

Make = Callable[..., Server]


def locator(server: Server, table: str) -> RelFileLocator:
    _, db, rel = server.psql(f"SELECT pg_relation_filepath('{table}')").strip().split("/")
    return RelFileLocator(1663, int(db), int(rel))


@pytest.fixture
def server(make_cluster: Make) -> Iterator[Server]:
    made = make_cluster(18, conf={"fsync": "off", "autovacuum": "off"})
    made.psql("CREATE TABLE t (i int); INSERT INTO t VALUES (1)")
    yield made


def waldump(server: Server, start: str) -> str:
    install, program = client("pg_waldump", 18)
    out = subprocess.run(
        [str(program), "-p", str(server.wal), "-s", start], env=install.env(), check=False,
        capture_output=True, text=True, cwd=server.base, **run_as())  # type: ignore[call-overload]
    assert out.stderr.count("\n") == 1 and "invalid record length" in out.stderr, out.stderr
    return str(out.stdout)


def values(server: Server) -> list[int]:
    return [int(v) for v in server.psql("SELECT i FROM t ORDER BY 1").split()]


def test_a_row_and_a_clean_shutdown(server: Server) -> None:
    where = locator(server, "t")
    start = server.lsn()
    server.stop()
    instance = Instance.start(str(server.data))
    xact = instance.session(where.db)
    for value in (2, 3):
        xact.begin()
        insert_int(instance, xact, where, value)
        xact.commit()
    xact.begin()
    insert_int(instance, xact, where, 4)
    xact.abort()
    instance.checkpoint()
    xact.begin()
    insert_int(instance, xact, where, 5)
    xact.commit()
    instance.shutdown()
    text = waldump(server, start)
    assert "CHECKPOINT_ONLINE" in text and "CHECKPOINT_SHUTDOWN" in text and "ABORT" in text
    server.start()
    assert values(server) == [1, 2, 3, 5]
    assert "redo starts" not in server.tail()


def test_the_server_recovers_after_a_kill(server: Server) -> None:
    where = locator(server, "t")
    server.stop()
    instance = Instance.start(str(server.data))
    xact = instance.session(where.db)
    for value in range(2, 700):
        xact.begin()
        insert_int(instance, xact, where, value)
        if value % 3:
            xact.commit()
        else:
            xact.abort()
        if value == 300:
            instance.checkpoint()
    instance.abandon()
    server.start()
    assert values(server) == [1, *(v for v in range(2, 700) if v % 3)]


def test_savepoints(server: Server) -> None:
    where = locator(server, "t")
    start = server.lsn()
    server.stop()
    instance = Instance.start(str(server.data))
    xact = instance.session(where.db)
    xact.begin()
    kept = []
    for value in range(100, 300):  # more than 64: assignment records
        xact.savepoint("a")
        insert_int(instance, xact, where, value)
        xact.savepoint("b")
        insert_int(instance, xact, where, value + 1000)
        if value % 2:
            xact.rollback_to("b")
        if value % 3:
            xact.release("a")
            kept += [value] if value % 2 else [value, value + 1000]
        else:
            xact.rollback_to("a")
            xact.release("a")
    with pytest.raises(PgtoolError, match='savepoint "a" does not exist'):
        xact.release("a")
    instance.checkpoint()
    xact.commit()
    instance.abandon()
    text = waldump(server, start)
    assert "ASSIGNMENT xtop" in text and "subxacts" in text
    server.start()
    assert values(server) == sorted([1, *kept])


def test_snapshots_and_command_ids(server: Server) -> None:
    where = locator(server, "t")
    server.stop()
    instance = Instance.start(str(server.data))
    mine, other = instance.session(where.db), instance.session(where.db)
    mine.begin()
    insert_int(instance, mine, where, 2)
    other.begin()
    assert seen(instance, where, mine.snapshot()) == [1]
    mine.command_counter_increment()
    assert seen(instance, where, mine.snapshot()) == [1, 2]
    assert seen(instance, where, other.snapshot()) == [1]
    other.isolation = "repeatable read"
    mine.savepoint("s")
    insert_int(instance, mine, where, 3)
    mine.command_counter_increment()
    assert seen(instance, where, mine.snapshot()) == [1, 2, 3]
    assert instance.procarray.horizon(False, where.db) == mine.top_xid
    mine.rollback_to("s")
    assert seen(instance, where, mine.snapshot()) == [1, 2]
    mine.commit()
    assert seen(instance, where, other.snapshot()) == [1]
    other.isolation = "read committed"
    assert seen(instance, where, other.snapshot()) == [1, 2]
    instance.shutdown()


def seen(instance: Instance, where: RelFileLocator, snapshot: Snapshot) -> list[int]:
    """By the vectorised rules and one by one, which must agree."""
    out, scalar = [], []
    file = RelationFile(instance.pooled, instance.pool.path(where))
    scan = HeapScan(file, (), AtRest(snapshot), None, instance.checksums)
    for tuples in scan.runs():
        out += [int.from_bytes(tuples.buffer[at + 24 : at + 28].tobytes(), "little")
                for at in tuples.start.tolist()]  # fmt: skip
    for block in range(instance.pool.nblocks(where)):
        with instance.pool.read(where, block) as buffer:
            for item in page_of.item_ids(buffer.page):
                h = header_of(buffer.page, item.offset)
                if snapshot.sees(h.infomask, h.xmin, h.xmax, h.field3):
                    at = item.offset + h.hoff
                    scalar.append(int.from_bytes(buffer.page[at : at + 4], "little"))
    assert out == scalar
    return out


def test_async_commits_are_there_after_a_shutdown_only(server: Server) -> None:
    where = locator(server, "t")
    server.stop()
    settings = InstanceSettings(synchronous_commit=False, wal_writer_delay=3_600_000)
    instance = Instance.start(str(server.data), settings)
    xact = instance.session(where.db)
    for value in (2, 3):
        xact.begin()
        insert_int(instance, xact, where, value)
        xid = xact.top_xid
        xact.commit()
        assert instance.clog.commit_lsn(xid) > instance.wal.flushed
    instance.shutdown()
    server.start()
    assert values(server) == [1, 2, 3]


def test_multixacts(server: Server) -> None:
    """Made here, read by the server; the next one's offset and page borders included."""
    server.stop()
    instance = Instance.start(str(server.data))
    status = MultiXactStatus.MultiXactStatusForKeyShare
    made = {}
    for n in range(2500):
        members = [Member(700 + n + i, status) for i in range(1 + n % 5)]
        made[instance.multixact.create(members)] = members
        if n == 2100:
            instance.checkpoint()
    assert instance.multixact.create(members) == max(made)
    assert len(made) == 2500
    for multi, members in made.items():
        assert list(instance.multixact.members(multi)) == members
    instance.wal.flush_all()
    instance.abandon()
    server.start()
    for multi in (min(made), max(made), *list(made)[:: len(made) // 20 or 1]):
        text = server.psql(f"SELECT xid FROM pg_get_multixact_members('{multi}')")
        assert [int(xid) for xid in text.split()] == [m.xid for m in made[multi]]


def test_the_lock_file_keeps_servers_out(server: Server) -> None:
    server.stop()
    instance = Instance.start(str(server.data))
    lines = (server.data / "postmaster.pid").read_text().split("\n")
    assert lines[0] == f"-{os.getpid()}" and lines[1] == str(server.data)
    assert stat.S_IMODE((server.data / "postmaster.pid").stat().st_mode) == 0o600
    tool = server.tool("postgres")  # not our child: a server takes its parent's lock for stale
    done = subprocess.run(
        ["sh", "-c", f"{tool} -D {server.data}; exit $?"], env=server.install.env(), check=False,
        timeout=30, capture_output=True, text=True,
        cwd=server.base, **run_as())  # type: ignore[call-overload]
    refused = "lock file" in done.stderr or "shared memory block" in done.stderr
    assert (refused and "in use" in done.stderr) or "is another" in done.stderr, done.stderr
    with pytest.raises(PgtoolError, match="already open"):
        Instance.start(str(server.data))
    code = ("import sys; from pgtool.transam.instance import Instance\\n"
            "try: Instance.start(sys.argv[1])\\nexcept Exception as e: print(e)")
    code = code.replace("\\n", "\n")
    done = subprocess.run([sys.executable, "-c", code, str(server.data)], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert "lock file" in done.stdout and str(os.getpid()) in done.stdout, done
    instance.shutdown()
    assert not (server.data / "postmaster.pid").exists()
    server.start()
    with pytest.raises(PgtoolError, match="lock file"):
        Instance.start(str(server.data))
    server.kill9()
    instance = Instance.start(str(server.data))  # recovers
    instance.shutdown()
    server.start()
    assert values(server) == [1] and "redo starts" not in server.tail()


def test_many_xids_cross_pages_of_pg_xact_and_pg_subtrans(server: Server) -> None:
    server.stop()
    settings = InstanceSettings(synchronous_commit=False, fsync=False)
    instance = Instance.start(str(server.data), settings)
    xact = instance.session(5)
    kept, lost = [], []
    for n in range(340):
        xact.begin()
        for _ in range(100):
            xact.begin_sub()
            (kept if n % 2 else lost).append(xact.current_xid())
            xact.commit_sub()
        xact.commit() if n % 2 else xact.abort()
    assert kept[-1] > 32768 + 700
    instance.wal.flush_all()
    instance.abandon()
    server.start()
    for xids, outcome in ((kept, "committed"), (lost, "aborted")):
        asked = ", ".join(map(str, [*xids[:: len(xids) // 50], xids[-1]]))
        found = server.psql(f"SELECT pg_xact_status(x::text::xid8) FROM unnest(ARRAY[{asked}]) x")
        assert set(found.split()) == {outcome}


def test_xids_wrap_around_and_have_limits() -> None:
    begun: list[int] = []
    cache = VariableCache(None, (1 << 32) - 2, 20000, begun.append)  # type: ignore[arg-type]
    cache.set_limits((1 << 32) - 1000, 5, 200_000_000)
    assert [cache.assign_xid() for _ in range(4)] == [(1 << 32) - 2, (1 << 32) - 1, 3, 4]
    assert cache.next_full_xid == (1 << 32) + 5 and cache.full(4) == (1 << 32) + 4
    warned: list[str] = []
    cache.warn = lambda message, hint: warned.append(message)
    cache.next_full_xid += (1 << 31) - 40_000_000
    cache.assign_xid()
    assert warned and "must be vacuumed within" in warned[0]
    cache.next_full_xid += 37_000_000
    with pytest.raises(SqlError, match="wraparound data loss in database with OID 5") as caught:
        cache.assign_xid()
    assert caught.value.sqlstate == "54000"


def test_wal_is_recycled_and_removed(make_cluster: Make) -> None:
    server = make_cluster(
        18, initdb_args=("--wal-segsize=1",),
        conf={"fsync": "off", "min_wal_size": "2MB", "max_wal_size": "6MB"},
    )  # fmt: skip
    server.psql("CREATE TABLE t (i int); SELECT pg_create_physical_replication_slot('s', true)")
    held = server.psql("SELECT pg_walfile_name(restart_lsn) FROM pg_replication_slots").strip()
    server.stop()
    message = opcode(logicalmsg.RECORDS, "MESSAGE")

    def fill(megabytes: int) -> list[str]:
        instance = Instance.start(str(server.data))
        for n in range(megabytes * 8):
            record = Record(RmgrId.RM_LOGICALMSG_ID, message, n.to_bytes(4, "little") * 32768)
            instance.wal.insert(record)
            instance.tick()
        instance.shutdown()
        return [path.name for path in server.segments()]

    assert held in fill(20)
    server.start()
    server.psql("SELECT pg_drop_replication_slot('s')")
    server.stop()
    names = fill(30)
    assert held not in names and len(names) <= 8, names
    server.start()
    assert "redo starts" not in server.tail()


def test_a_failed_fsync_is_a_panic(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    where = locator(server, "t")
    server.stop()
    instance = Instance.start(str(server.data))
    xact = instance.session(where.db)
    xact.begin()
    insert_int(instance, xact, where, 2)
    xact.commit()

    def fail(path: str) -> None:
        raise SqlError(f'could not fsync file "{path}": Input/output error', "58030")

    monkeypatch.setattr(instance.backend, "sync", fail)
    xact.begin()
    insert_int(instance, xact, where, 3)
    with pytest.raises(Panic, match="could not fsync"):
        xact.commit()
    assert instance.panicked is not None
    with pytest.raises(Panic):
        instance.checkpoint()
    before = (server.data / "global/pg_control").read_bytes()
    instance.shutdown()
    assert (server.data / "global/pg_control").read_bytes() == before
    server.start()
    assert values(server) in ([1, 2], [1, 2, 3])


def test_signals_wait_for_the_end_of_a_change(server: Server) -> None:
    where = locator(server, "t")
    server.stop()
    instance = Instance.start(str(server.data))
    xact = instance.session(where.db)
    xact.begin()
    insert_int(instance, xact, where, 2)
    reached = []
    for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)):
        with pytest.raises(error), instance.wal.critical():
            with instance.wal.critical():
                signal.raise_signal(number)
            reached.append(number)
    assert len(reached) == 2 and instance.panicked is None
    xact.commit()
    instance.shutdown()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    server.start()
    assert values(server) == [1, 2]

"""pgtool waldump beside the real pg_waldump, on fresh clusters of every major that has it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import waldump_workload
from tests.conftest import need
from tests.servers import Server, cluster
from tests.waldump_workload import WORKLOADS, Workload

pytestmark = pytest.mark.server
ROOT = Path(__file__).resolve().parent.parent
#: Every major, every workload, not every pair.
MAJORS_OF = {"plain": (15, 16, 17, 18), "small": (15, 17), "large": (16,),
             "consistency": (18,)}  # fmt: skip
CASES = [(m, w) for w in WORKLOADS for m in MAJORS_OF[w.name]]
#: Each way of showing and choosing records; {rel} is a relation of the workload.
OPTIONS = (
    (), ("-b",), ("--stats",), ("--stats=record",), ("-q",), ("-w", "-b"), ("-F", "vm"),
    ("-F", "fsm"), ("-r", "Btree", "-r", "heap2"), ("-r", "Transaction", "--stats=record"),
    ("-n", "7"), ("-n", "3", "-z"), ("-R", "{rel}"), ("-R", "{rel}", "-B", "1", "-b"),
    ("-x", "{xid}"),
)  # fmt: skip


@dataclass
class Wal:
    """A stopped cluster and what the tests need to know about its WAL."""

    server: Server
    relation: str
    xid: str

    def arguments(self, *given: str) -> list[str]:
        return [a.format(rel=self.relation, xid=self.xid) for a in given]


def environment() -> dict[str, str]:
    return {**os.environ, "TZ": "UTC", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}


def ours(*arguments: str) -> tuple[bytes, str, int]:
    """Standard output, the message without the program's name, exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "waldump", *arguments],
        capture_output=True, env=environment(), cwd=ROOT, check=False,
    )  # fmt: skip
    return done.stdout, done.stderr.decode().replace("pgtool: ", ""), done.returncode


def theirs(server: Server, *arguments: str) -> tuple[bytes, str, int]:
    done = subprocess.run(
        [str(server.tool("pg_waldump")), *arguments],
        capture_output=True, env=server.install.env(), check=False,
    )  # fmt: skip
    return done.stdout, done.stderr.decode().replace("pg_waldump: ", ""), done.returncode


@pytest.fixture(scope="module", params=CASES, ids=[f"pg{m}-{w.name}" for m, w in CASES])
def wal(request: pytest.FixtureRequest) -> Iterator[Wal]:
    major, workload = request.param
    need(major)
    yield from _made(major, workload)


def _made(major: int, workload: Workload) -> Iterator[Wal]:
    args = [f"--wal-segsize={workload.segment_mb}"]
    conf = {**waldump_workload.CONF, **workload.conf}
    with cluster(major, initdb_args=args, conf=conf, start=False) as server:
        waldump_workload.run(server, workload)
        lines = theirs(server, "-r", "Heap", *span(server))[0].decode().split("\n")
        line = next(text for text in lines if " HOT_UPDATE " in text or " UPDATE " in text)
        relation = line.split("blkref #0: rel ")[1].split(" ")[0]
        yield Wal(server, relation, line.split("tx:")[1].split(",")[0].strip())


def span(server: Server) -> list[str]:
    """From the first segment to the last, which the end of WAL comes before."""
    segments, _size = waldump_workload.bounds(server.wal)
    return [str(segments[0]), segments[-1].name]


def test_same_as_pg_waldump(wal: Wal) -> None:
    for options in OPTIONS:
        arguments = [*wal.arguments(*options), *span(wal.server)]
        assert ours(*arguments) == theirs(wal.server, *arguments), arguments


def test_in_several_processes(wal: Wal) -> None:
    for options in ((), ("--stats=record",)):
        arguments = [*options, *span(wal.server)]
        assert ours("-j", "3", *arguments) == theirs(wal.server, *arguments), arguments


def test_segments_as_arguments(wal: Wal, request: pytest.FixtureRequest) -> None:
    if "plain" not in request.node.name:
        pytest.skip("the arguments do not depend on the records")
    segments, size = waldump_workload.bounds(wal.server.wal)
    first, second = str(segments[0]), segments[1].name
    middle = size * int(segments[0].name[16:], 16) + size // 2 + 12
    position = f"0/{middle:X}"
    for arguments in (
        [first], [first, second], ["-s", position, first], ["-e", position, first],
        ["-s", position, "-e", f"0/{middle + size // 4:X}", first],
        ["-s", "FFFFFFFF/0", first], ["-e", "0/10", first], [second, first],
        [first, "000000010000FFFF00000001"], ["-p", "/nowhere", first],
        [str(segments[0].parent / "000000090000FFFF00000001")],
    ):  # fmt: skip
        mine, real = ours(*arguments), theirs(wal.server, *arguments)
        hint = real[1].replace('hint: Try "pg_waldump --help" for more information.\n', "")
        assert mine == (real[0], hint, real[2]), arguments


def test_save_fullpage(wal: Wal, tmp_path: Path) -> None:
    if wal.server.major < 16:
        pytest.skip("pg_waldump of 15 cannot")
    arguments = ["-q", "-n", "400", "-w", *span(wal.server)]
    real, mine = tmp_path / "real", tmp_path / "mine"
    out = theirs(wal.server, *arguments, f"--save-fullpage={real}")
    assert out[0] == b""
    got = ours(*arguments, f"--save-fullpage={mine}")
    if "zstandard" in got[1]:
        pytest.skip("zstandard is not installed")
    assert got == out
    assert {p.name: p.read_bytes() for p in real.iterdir()} == {
        p.name: p.read_bytes() for p in mine.iterdir()
    }


def test_records_keep_their_bytes(wal: Wal) -> None:
    from pgtool.wal.reader import WalReader
    from pgtool.wal.source import SegmentDirectory, WalReadError, segment_info

    segments, size = waldump_workload.bounds(wal.server.wal)
    info = segment_info(str(wal.server.wal), segments[0].name)
    source = SegmentDirectory(str(wal.server.wal), info, 1)
    reader = WalReader(source, sysid=info.sysid)
    assert reader.find_next(int(segments[0].name[16:], 16) * size) is not None
    count = 0
    try:
        while (raw := reader.read_raw()) is not None:
            rec = reader.decode(raw)
            assert rec is not None and rec.build() == raw.data
            count += 1
    except WalReadError:  # a crash may leave no segment behind the last one
        pass
    assert count > 3000


def test_timeline_switch(wal: Wal) -> None:
    """A promotion: the new timeline's first segment holds the old one's records too."""
    server = wal.server
    if (server.data / "recovery.signal").exists() or server.major != 17:
        pytest.skip("once is enough")
    (server.data / "recovery.signal").touch()
    if os.geteuid() == 0:
        os.chown(server.data / "recovery.signal", 65534, 65534)
    server.configure({"restore_command": "false"})
    server.start()
    for _ in range(100):
        if server.psql("SELECT pg_is_in_recovery()").strip() == "f":
            break
        time.sleep(0.1)
    server.psql("CREATE TABLE IF NOT EXISTS after(x int); INSERT INTO after VALUES (1)")
    server.psql("SELECT pg_switch_wal(); INSERT INTO after VALUES (2)")
    server.stop()
    for name in sorted(p.name for p in server.wal.iterdir() if p.name.startswith("00000002")):
        if len(name) != 24:
            continue
        path = str(server.wal / name)
        if (server.wal / name).read_bytes().strip(b"\0"):  # else not used yet
            assert ours(path) == theirs(server, path)
    text, error, _code = ours("-D", str(server.data))
    assert b"; tli 1; prev tli 1;" in text and b"; tli 2; prev tli 1;" in text
    last = server.run_tool("pg_controldata", server.data).decode()
    place = last.split("Latest checkpoint location:")[1].split()[0]
    assert f"error in WAL record at {place}: invalid record length" in error


def _reads(pid: int, directory: Path) -> bool:
    """Whether a process has a file of a directory open."""
    try:
        return any(Path(os.readlink(fd)).parent == directory
                   for fd in Path(f"/proc/{pid}/fd").iterdir())  # fmt: skip
    except OSError:
        return False


def test_follow_until_interrupted(wal: Wal) -> None:
    """Following ends with SIGINT, exit code 0 and the statistics so far."""
    if wal.server.major != 18:
        pytest.skip("once is enough")
    first = waldump_workload.bounds(wal.server.wal)[0][0]
    _out, error, _code = ours("-q", *span(wal.server))
    arguments = ["-f", "-z", "-p", str(first.parent), "-s", _start_of(first)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pgtool", "waldump", *arguments], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(), cwd=ROOT,
    )  # fmt: skip
    while process.poll() is None and not _reads(process.pid, first.parent):
        time.sleep(0.1)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    process.send_signal(signal.SIGINT)
    shown, message = process.communicate(timeout=30)
    assert process.returncode == 0 and message == b""
    assert shown.startswith(b"WAL statistics between") and b"[100%]" in shown
    assert "error in WAL record" in error


def _start_of(segment: Path) -> str:
    low = int(segment.name[16:], 16) * segment.stat().st_size
    return f"{int(segment.name[8:16], 16):X}/{low:X}"

"""The text files of a data directory, and arithmetic of maps and SLRUs, by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from formats import backup, fsm, postmaster, slru, timeline, vm
from formats.errors import CorruptData
from formats.units import Lsn

ROOT = Path(__file__).resolve().parent.parent
HISTORY = (
    b"1\t0/3000110\tno recovery target specified\n"
    b"\n# a comment\n"
    b"2\t1/A0\tbefore 2020-01-01 00:00:00+00\n"
)


def test_timeline_history() -> None:
    found = timeline.parse(HISTORY)
    assert found.render() == HISTORY
    assert [(b.tli, str(b.switchpoint)) for b in found.branches] == [(1, "0/3000110"), (2, "1/A0")]
    assert timeline.make(found.branches[:1]).render() == HISTORY.partition(b"\n")[0] + b"\n"
    assert timeline.file_name(26) == "0000001A.history"
    assert timeline.parse(b"").render() == b""
    assert timeline.parse(b"1 0/5").render() == b"1 0/5"
    for bad in (b"x\t0/1\tr\n", b"1\t0-1\n", b"1\n", b"2\t0/1\ta\n1\t0/2\tb\n"):
        with pytest.raises(CorruptData, match="line"):
            timeline.parse(bad)


def test_lock_file_while_it_grows() -> None:
    whole = b"42\n/srv/pg\n1700000000\n5432\n/tmp\n\n  5432001    32\nready   \n"
    lock = postmaster.parse_pid(whole)
    assert lock.render() == whole
    assert (lock.pid, lock.standalone, lock.data_dir) == (42, False, "/srv/pg")
    assert (lock.start_time, lock.port, lock.socket_dir) == (1700000000, 5432, "/tmp")
    assert (lock.listen_addr, lock.shmem, lock.status) == ("", (5432001, 32), "ready")
    part = postmaster.parse_pid(b"-42\n/srv/pg\n1700000000\n")
    assert part.standalone and part.pid == 42 and part.port is None and part.status is None
    for bad in (b"", b"x\n", b"1\n/srv\nsoon\n"):
        with pytest.raises(CorruptData):
            postmaster.parse_pid(bad)


def test_options_file() -> None:
    raw = b'/usr/bin/postgres "-D" "/srv/my data" "-c" "a=b"\n'
    found = postmaster.parse_opts(raw)
    assert found.render() == raw
    assert found.arguments == ("-D", "/srv/my data", "-c", "a=b")
    assert postmaster.parse_opts(b"/usr/bin/postgres\n").arguments == ()
    with pytest.raises(CorruptData):
        postmaster.parse_opts(b'/usr/bin/postgres "-D')


LABEL = (
    b"START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
    b"CHECKPOINT LOCATION: 0/2000080\nBACKUP METHOD: streamed\nBACKUP FROM: standby\n"
    b"START TIME: 2026-01-01 00:00:00 UTC\nLABEL: my: label\nSTART TIMELINE: 3\n"
    b"INCREMENTAL FROM LSN: 0/1000028\nINCREMENTAL FROM TLI: 2\n"
)


def test_backup_label() -> None:
    label = backup.parse_label(LABEL)
    assert label.render() == LABEL
    assert label.start_wal_location == Lsn.parse("0/2000028")
    assert label.start_wal_file == "000000010000000000000002"
    assert (label.label, label.start_timeline) == ("my: label", 3)
    assert label.incremental_from == (2, Lsn.parse("0/1000028"))
    for bad in (b"", b"LABEL: x\n", LABEL.replace(b"TIMELINE: 3", b"TIMELINE: x")):
        with pytest.raises(CorruptData):
            backup.parse_label(bad)


def test_tablespace_map() -> None:
    spaces = [backup.Tablespace(16385, "/a b"), backup.Tablespace(16386, "/x\\y\nz")]
    raw = backup.build_tablespace_map(spaces)
    assert raw == b"16385 /a b\n16386 /x\\\\y\\\nz\n"
    assert backup.parse_tablespace_map(raw) == spaces
    assert backup.parse_tablespace_map(b"\n16385 /a b\r\n\n16386 /x\\\\y\\\nz\n") == spaces
    for bad in (b"16385\n", b"16385 /a", b"x /a\n"):
        with pytest.raises(CorruptData):
            backup.parse_tablespace_map(bad)


def test_manifest() -> None:
    manifest = backup.Manifest(
        2, 12345,
        (
            backup.ManifestFile(b'base/1/"q"\n', 3, "2026-01-01 00:00:00 GMT", "CRC32C", "00ff"),
            backup.ManifestFile(b"\xff", 0, "2026-01-01 00:00:00 GMT", encoded=True),
        ),
        (backup.WalRange(1, Lsn.parse("0/28"), Lsn.parse("0/100")),),
    )  # fmt: skip
    raw = manifest.render()
    assert backup.parse_manifest(raw) == manifest
    for bad in (b"", b"{}", raw[:-2], raw.replace(b"12345", b"12346"), b"[" * 100_000):
        with pytest.raises(CorruptData):
            backup.parse_manifest(bad)


def test_where_map_entries_lie() -> None:
    assert [fsm.fsm_block(0, 2), fsm.fsm_block(0, 1), fsm.fsm_block(0)] == [0, 1, 2]
    assert fsm.fsm_block(fsm.SLOTS_PER_FSM_PAGE - 1) == fsm.SLOTS_PER_FSM_PAGE + 1
    assert fsm.fsm_block(1, 1) == fsm.SLOTS_PER_FSM_PAGE + 2
    assert fsm.locate(fsm.SLOTS_PER_FSM_PAGE) == (3, 0)
    assert [fsm.category_to_bytes(c) for c in (0, 1, 254, 255)] == [0, 32, 8128, 8160]
    for avail in (0, 31, 32, 8127, 8128, 8159, 8160, 8192):
        assert fsm.category_to_bytes(fsm.bytes_to_category(avail)) <= avail
    assert vm.locate(32671) == (0, 32671) and vm.locate(32672) == (1, 0)


def test_where_slru_entries_lie() -> None:
    assert slru.XACT.locate(32768 * 32 + 5) == (1, 0, 5)
    assert slru.XACT.path(0xFFF, 18) == "pg_xact/0FFF"
    assert slru.MULTIXACT_MEMBERS.locate(1636 * 32) == (1, 0, 0)
    assert slru.MULTIXACT_MEMBERS.path(0x14078, 18) == "pg_multixact/members/14078"
    assert slru.COMMIT_TS.locate(819) == (0, 1, 0)
    assert slru.NOTIFY.path(1, 16) == "pg_notify/0001"
    assert slru.NOTIFY.path(1, 17) == "pg_notify/000000000000001"
    assert slru.XACT.segment_of("0A1F", 18) == 0x0A1F
    assert slru.XACT.segment_of("0a1f", 18) is None
    page = bytes([0b11100100]) + bytes(8191)
    assert [slru.xact_status(page, i) for i in range(5)] == [0, 1, 2, 3, 0]


def test_controldata_is_light(tmp_path: Path) -> None:
    """It loads nothing heavy and takes less than 100 ms of CPU, start-up included.

    Where other work slows the machine down, little more than its libraries take by themselves.
    """
    spent = "use = resource.getrusage(resource.RUSAGE_SELF)\nspent = use.ru_utime + use.ru_stime\n"
    code = (
        "import resource, sys\n"
        "from pgtool.cli.main import main\n"
        "try: main(['controldata', '-D', sys.argv[1]])\n"
        "except SystemExit: pass\n"
        f"{spent}print(spent, *sys.modules, file=sys.stderr)\n"
    )
    bare = f"import resource, sys, click, construct\n{spent}print(spent, file=sys.stderr)\n"
    (tmp_path / "global").mkdir()
    raw = bytearray(8192)
    raw[8:16] = (1800).to_bytes(4, "little") + (202506291).to_bytes(4, "little")
    (tmp_path / "global/pg_control").write_bytes(raw)
    # As an installed tool has it: with its bytecode at hand, from the second run on.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(tmp_path / "bytecode")
    least, libraries = 1.0, 1.0
    for _ in range(6):
        for text in (code, bare):
            done = subprocess.run(
                [sys.executable, "-c", text, str(tmp_path)],
                cwd=ROOT, capture_output=True, text=True, check=True, env=env,
            )  # fmt: skip
            seconds, *modules = done.stderr.splitlines()[-1].split()
            if text == bare:
                libraries = min(libraries, float(seconds))
                continue
            least = min(least, float(seconds))
            assert "Latest checkpoint location" in done.stdout
            assert not {"numpy", "postgast", "crc32c", "tabulate", "pyarrow"} & set(modules)
    assert least < max(0.1, 1.6 * libraries)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "completion", shell],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "_PGTOOL_COMPLETE" in done.stdout
    asked = subprocess.run(
        [sys.executable, "-c", "from pgtool.cli.main import cli; cli(prog_name='pgtool')"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "_PGTOOL_COMPLETE": "bash_complete", "COMP_WORDS": "pgtool contr",
             "COMP_CWORD": "1"},
    )  # fmt: skip
    assert "controldata" in asked.stdout

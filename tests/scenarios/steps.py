"""What a script of this directory cannot say in SQL; called by `--@ call NAME`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fixture_capture import in_use
from tests.installs import NOBODY, client, run_as
from tests.servers import Server

if TYPE_CHECKING:
    from tests.fixture_script import Script


def _own(path: Path) -> Path:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    return path


def tablespace_directory(script: Script, name: str) -> None:
    path = script.server.base / name
    path.mkdir()
    _own(path)


def create_tablespace(script: Script, name: str) -> None:
    script.sql(f"CREATE TABLESPACE {name} LOCATION '{script.server.base / name}'")


def burn(script: Script, count: str) -> None:
    """Use up transaction ids, none of which ever ends: the server is killed.

    A row of an unlogged table gives its subtransaction an id without a word in the WAL; at
    wal_level = minimal nothing is said about subtransactions either.
    """
    script.server.configure({"wal_level": "minimal", "max_wal_senders": 0})
    script.disconnect()
    script.server.restart()
    with contextlib.closing(script.server.connect()) as connection:
        connection.execute("CREATE UNLOGGED TABLE burnt (a bool)")
        connection.execute("BEGIN")
        connection.execute(
            f"DO $$ BEGIN FOR i IN 1..{count} LOOP BEGIN INSERT INTO burnt VALUES (true); "
            "EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$")
        script.server.psql("CHECKPOINT")
        script.server.kill9()
    script.server.configure({"wal_level": "logical", "max_wal_senders": 10})
    script.server.start()
    script.server.psql("DROP TABLE burnt")


def vacuum_everything(script: Script) -> None:
    """Every database forgets the old ids."""
    script.disconnect()
    script.server.psql("ALTER DATABASE template0 ALLOW_CONNECTIONS true")
    for database in ("template0", "template1", "postgres"):
        script.server.psql("SET vacuum_freeze_min_age = 0; SET vacuum_multixact_freeze_min_age = 0;"
                           "VACUUM (FREEZE)", database)


def lose_last_segments(script: Script) -> None:
    """A long record starts in one segment; the segments behind it never reached the disk."""
    used = [p for p in script.server.segments() if in_use(p)]
    for path in script.server.segments():
        if path.name >= used[-1].name:
            path.unlink()


def keep_wal(script: Script, tag: str) -> None:
    script.capture.wal(script.server.wal, script.mark, tag)


def basebackup(script: Script) -> None:
    """What pg_basebackup writes beside the data."""
    server = script.server
    install, program = client("pg_basebackup", script.major)
    target = server.base / "backup"
    subprocess.run([program, "-D", target, "-h", server.base, "-p", str(server.port),
                    "-U", "postgres", "-c", "fast", "-X", "stream", "-F", "tar"],
                   env=install.env(), check=True, capture_output=True,
                   **run_as())  # type: ignore[call-overload]
    script.capture.add("backup_manifest", (target / "backup_manifest").read_bytes(),
                       "backup_manifest")
    plain = server.base / "copy"
    plain.mkdir()
    subprocess.run(["tar", "-xf", target / "base.tar", "-C", plain], check=True)
    subprocess.run(["tar", "-xf", target / "pg_wal.tar", "-C", plain / "pg_wal"], check=True)
    for name in ("backup_label", "tablespace_map"):
        script.capture.add(name, (plain / name).read_bytes(), name)
    for tar in target.glob("[0-9]*.tar"):
        space = server.base / f"space{tar.stem}"
        space.mkdir()
        subprocess.run(["tar", "-xf", tar, "-C", space], check=True)
        (plain / "tablespace_map").write_text(f"{tar.stem} {space}\n")
    subprocess.run(["chmod", "-R", "go-rwx", plain], check=True)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", server.base], check=True)


def promote_backup(script: Script) -> None:
    """A standby of the running server, which becomes a server of its own."""
    standby = Server(script.major, script.server.base / "standby")
    standby.base.mkdir()
    _own(standby.base)
    shutil.move(script.server.base / "copy", standby.data)
    standby.configure({
        "unix_socket_directories": str(standby.base),
        "primary_conninfo": f"host={script.server.base} port={script.server.port} user=postgres",
        "hot_standby": "on",
    })
    (standby.data / "standby.signal").touch()
    _own(standby.data / "standby.signal")
    home, script.server = script.server, standby
    script.capture.server = standby
    try:
        standby.start()
        _wait(standby, "SELECT count(*) FROM t", "2")
        script.capture.control("standby")
        standby.stop()
        script.capture.control("standby-shutdown")
        standby.start()
        standby.psql("SELECT pg_promote()")
        standby.psql("INSERT INTO t VALUES (3)")
        script.capture.control("promoted-running")
        standby.psql("CHECKPOINT")
        standby.stop()
        script.capture.control("promoted")
        script.capture.wal(standby.wal, script.mark, "")
    finally:
        standby.stop("immediate")
        script.server, script.capture.server = home, home
    script.mark = ""


def _wait(server: Server, query: str, answer: str) -> None:
    for _ in range(200):
        if server.psql(query, check=False).strip() == answer:
            return
        time.sleep(0.1)
    raise TimeoutError(f"{query} never gave {answer}: {server.tail()}")

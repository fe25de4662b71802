"""The test servers themselves: they start, answer, stop, and survive being killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import servers
from tests.installs import MAJORS, _copied, find_install


@pytest.mark.server
def test_life_of_a_cluster(major: int, make_cluster: Callable[..., servers.Server]) -> None:
    server = make_cluster(major, initdb_args=["--data-checksums", "--wal-segsize=1"])
    assert server.psql("SELECT current_setting('server_version_num')::int / 10000").strip() == str(
        major)
    server.psql("CREATE TABLE t AS SELECT g FROM generate_series(1, 100) g")
    with server.connect() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (100,)
    server.kill9()
    assert server.pid() is None
    server.start()
    assert server.psql("SELECT count(*) FROM t").strip() == "100"
    where = server.path_of("t")
    server.stop()
    assert where.stat().st_size == 8192
    base = server.base
    server.close()
    assert not base.exists()


def test_unreachable_install_is_copied(tmp_path: Path) -> None:
    root = tmp_path / "package" / "pginstall"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "postgres").write_text("")
    copy = _copied(root)
    assert (copy / "bin" / "postgres").exists()
    assert copy == _copied(root)


def test_some_server_is_here() -> None:
    assert any(find_install(m) for m in MAJORS), "pip install -e '.[test]' brings servers"

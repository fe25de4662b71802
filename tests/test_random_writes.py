"""Random statements that write, by seed, beside the real server (more of them, and other seeds:
``python -m tests.differential.writes``)."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import need
from tests.differential.writes import run
from tests.servers import cluster


def test_statements_over_keys_answer_as_the_servers_do(tmp_path: Path) -> None:
    need(18)
    with cluster(18) as server:
        out = run(server, tmp_path / "data", 250, 101, "keys")
    assert not out.differ, "\n".join(out.differ)
    assert not out.after, "\n".join(out.after)
    assert not out.refused
    assert out.same == 250

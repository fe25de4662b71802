"""Fixtures of every test: live servers by major, and one shared server a worker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import servers
from tests.installs import MAJORS, find_install


def need(major: int) -> None:
    """Skip the test where this machine has no server of the major."""
    if find_install(major) is None:
        pytest.skip(f"no PostgreSQL {major} here (set PGTOOL_PG{major})")


@pytest.fixture
def make_cluster() -> Iterator[Callable[..., servers.Server]]:
    """`make_cluster(major, initdb_args=…, conf=…, start=True)`: a fresh cluster for one test."""
    with contextlib.ExitStack() as stack:

        def make(major: int, **options: Any) -> servers.Server:
            need(major)
            return stack.enter_context(servers.cluster(major, **options))

        yield make


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Callable[[int], servers.Server]]:
    """`shared_server(major)`: one running server a worker, for tests that leave it as it was.

    Work in a database of your own there; do not stop or reconfigure it.
    """
    with contextlib.ExitStack() as stack:
        running: dict[int, servers.Server] = {}

        def get(major: int) -> servers.Server:
            need(major)
            if major not in running:
                running[major] = stack.enter_context(servers.cluster(major))
            return running[major]

        yield get


@pytest.fixture(params=MAJORS, ids=[f"pg{m}" for m in MAJORS])
def major(request: pytest.FixtureRequest) -> int:
    """Every major that this machine has a server for."""
    number: int = request.param
    need(number)
    return number

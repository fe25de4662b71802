"""Compressing with pglz: what comes out expands again, and is byte for byte the server's."""

from __future__ import annotations

import random

import pytest

from formats import pglz, pglz_pack
from formats.varlena import VarattForm, read_varlena
from tests.conftest import need
from tests.servers import cluster


def samples() -> list[bytes]:
    rng = random.Random(3)
    out = [b"", b"a" * 31, b"a" * 32, b"a" * 5000, bytes(range(256)) * 3]
    words = [b"lorem", b"ipsum", b" dolor ", b"sit", b"amet\n"]
    for n in (33, 100, 129, 300, 600, 1025, 2100, 3000, 6000, 9000):
        out.append(bytes(rng.choice(b"abcd") for _ in range(n)))
        out.append(b"".join(rng.choice(words) for _ in range(n // 4)))
        out.append(rng.randbytes(n // 2) + b"z" * rng.randrange(n))
    return out


@pytest.mark.parametrize("strategy", [pglz_pack.DEFAULT, pglz_pack.ALWAYS])
def test_there_and_back(strategy: pglz_pack.Strategy) -> None:
    packed = 0
    for data in samples():
        out = pglz_pack.compress(data, strategy)
        if out is not None:
            assert pglz.decompress(out, len(data)) == data
            assert len(out) < len(data)
            packed += 1
    assert packed > 12


def test_what_gains_too_little_stays() -> None:
    assert pglz_pack.compress(random.Random(1).randbytes(5000)) is None
    assert pglz_pack.compress(b"x" * 31) is None


@pytest.mark.server
def test_as_the_server_does() -> None:
    need(18)
    values = [v for v in samples() if len(v) > 31]
    with cluster(18) as server:
        server.psql("CREATE EXTENSION pageinspect; CREATE TABLE t(i int, b bytea STORAGE main) "
                    "WITH (toast_tuple_target = 128)")  # fmt: skip
        session = server.connect()
        for i, value in enumerate(values):
            if len(pglz_pack.compress(value) or value) < 7000:
                session.execute("INSERT INTO t VALUES (%s, %s)", (i, value))
        seen = 0
        for (attrs,) in session.execute(
            "SELECT t_attrs FROM generate_series(0, pg_relation_size('t') / 8192 - 1) b, "
            "heap_page_item_attrs(get_raw_page('t', b::int), 't'::regclass)"
        ):
            value = read_varlena(attrs[1], 0)
            if value.form is VarattForm.COMPRESSED:
                i = int.from_bytes(attrs[0], "little")
                assert pglz_pack.compress(values[i]) == attrs[1][value.body : value.end]
                seen += 1
        assert seen > 5


@pytest.mark.parametrize("method", ["p", "l"])
def test_compressed_values(method: str) -> None:
    """A value's compressed form says how it is to be read; none where it gains too little."""
    from pgtool.access.heap.toast_write import compress
    from pgtool.access.toast import inline_compressed

    for data in samples():
        value = compress(data, method)
        if value is not None:
            assert inline_compressed(value) == data and len(value) < len(data) - 2
    assert compress(b"x" * 1000, method) is not None
    assert compress(random.Random(2).randbytes(1000), method) is None

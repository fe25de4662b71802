"""Pages: codecs of their parts, damaged pages, and the command on files of real servers."""

from __future__ import annotations

import contextlib
import enum
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from construct import Struct

from formats import (
    brin,
    deform,
    derive,
    fsm,
    gin,
    gist,
    hash,
    heap,
    itup,
    meanings,
    nbtree,
    pages,
    sequence,
    spgist,
    varlena,
)  # fmt: skip
from formats.errors import CorruptData, PgtoolError
from formats.itemptr import ItemPointer
from formats.units import BLCKSZ
from pgtool.cli.pageinspect import KINDS, command
from pgtool.inspect.explain import explain
from pgtool.inspect.functions import FUNCTIONS
from pgtool.inspect.html import render_pages
from pgtool.inspect.mapnotes import bottom_page
from pgtool.inspect.pagemap import Printer
from pgtool.inspect.rawpage import Float8, RawPage
from tests.conftest import need
from tests.page_scenario import SCENARIO
from tests.servers import Server, cluster

SEED = 20240607


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A stopped cluster with every kind of page."""
    need(18)
    with cluster(18, initdb_args=["--data-checksums"]) as server:
        server.psql(SCENARIO)
        server.stop()
        yield server


@pytest.fixture(scope="module")
def sample(server: Server) -> list[tuple[str, str, bytes]]:
    """(file, fork, page): some pages of every user relation."""
    out = []
    for path in sorted((server.data / "base" / "5").iterdir()):
        number, _, fork = path.name.partition("_")
        if number.isdigit() and int(number) >= 16384:
            data = path.read_bytes()
            starts = range(0, len(data), BLCKSZ)
            picked = [*starts[:3], *starts[3::5]]
            out += [(path.name, fork, data[at : at + BLCKSZ]) for at in picked]
    return out


def test_posting_list_codec() -> None:
    rng = random.Random(SEED)
    for _ in range(200):
        count = rng.randrange(1, 300)
        span = rng.choice((30, 3000, 1 << 32))
        pairs = {(rng.randrange(span), rng.randrange(1, 292)) for _ in range(count)}
        tids = [ItemPointer(*pair) for pair in sorted(pairs)]
        coded = gin.encode_posting_list(tids)
        assert len(coded) % 2 == 0
        assert gin.decode_posting_list(coded, 0, len(coded)) == (tids, len(coded))


def test_posting_lists_of_a_server_are_coded_the_same(sample: list[tuple[str, str, bytes]]) -> None:
    seen = 0
    for _file, fork, page in sample:
        if pages.detect(page, fork) != "gin":
            continue
        view = RawPage(page)
        flags = gin.read_opaque(page, view.special).flags
        if flags != gin.GinFlags.GIN_DATA | gin.GinFlags.GIN_LEAF | gin.GinFlags.GIN_COMPRESSED:
            continue
        at = gin.DATA_PAGE_START
        for start, nbytes, tids in gin.posting_segments(view):
            assert start == at
            coded = gin.encode_posting_list(tids)
            assert page[at : at + 8 + nbytes] == coded[: 8 + nbytes]
            at += len(coded)
            seen += 1
    assert seen > 20


def test_null_bitmap() -> None:
    nulls = [False, True, True, False, True, False, False, False, True]
    packed = heap.pack_bitmap(nulls)
    assert heap.null_flags(packed, len(nulls)) == nulls
    assert heap.bitmap_text(packed) == "1001011100000000"
    assert heap.header_length(9, True) == 32
    assert heap.header_length(8, True) == heap.header_length(300, False) == 24


def test_varlena_forms() -> None:
    short = varlena.pack_short(b"abc")
    plain = varlena.pack_plain(b"abcd" * 50)
    assert varlena.read_varlena(short, 0)[:5] == (varlena.VarattForm.SHORT, 0, 1, 4, 3)
    assert varlena.read_varlena(plain, 0)[:5] == (varlena.VarattForm.PLAIN, 0, 4, 204, 200)
    pointer = b"\x01\x12" + varlena.varatt_external.build(
        {"va_rawsize": 1004, "va_extinfo": {"extsize": 200, "method": 1}, "va_valueid": 7,
         "va_toastrelid": 8}
    )  # fmt: skip
    assert varlena.read_varlena(pointer, 0).end == len(pointer)
    assert varlena.read_toast_pointer(pointer, 0) == (1000, 200, 1, 7, 8)
    for bad in (b"\x01\x07", b"\x09ab", b"\x01", b"\x06\0\0\0", b"\xfc\xff\xff\xff"):
        with pytest.raises(CorruptData):
            varlena.read_varlena(bad, 0)


def test_attribute_spans() -> None:
    attributes = [deform.Attribute(1, "c"), deform.Attribute(-1, "i"), deform.Attribute(8, "d")]
    data = b"\x01" + varlena.pack_short(b"xy") + bytes(4) + bytes(8)
    assert deform.spans(data, 0, len(data), attributes) == [(0, 1), (1, 4), (8, 16)]
    with pytest.raises(CorruptData):
        deform.spans(data, 0, 12, attributes)


def test_hash_splitpoints() -> None:
    assert [hash.total_buckets(n) for n in (0, 1, 9, 10, 11, 13, 14)] == [
        1, 2, 512, 640, 768, 1024, 1280,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (-1.0, "-1"), (1e15, "1e+15"), (123456789012345.0, "123456789012345"),
     (1.5e-5, "1.5e-05"), (0.0001, "0.0001"), (1e300, "1e+300"), (12345678901234567.0,
     "1.2345678901234568e+16"), (float("nan"), "NaN"), (float("-inf"), "-Infinity")],
)  # fmt: skip
def test_float8_text(value: float, shown: str) -> None:
    assert str(Float8(value)) == shown


def test_every_flag_has_a_meaning() -> None:
    for kind, texts in meanings.MEANINGS.items():
        members: list[Any] = list(kind)
        assert [m.name for m in members] == list(texts)
        assert issubclass(kind, enum.IntEnum | enum.IntFlag)


def test_kinds_of_the_command() -> None:
    assert set(KINDS) == set(pages.KINDS)


def test_bottom_pages_of_the_free_space_map() -> None:
    per_page = fsm.SLOTS_PER_FSM_PAGE
    for number in (0, 1, 4068, per_page, per_page + 1, per_page * per_page - 1):
        assert bottom_page(fsm.fsm_block(number)) == number
    assert bottom_page(0) is None and bottom_page(1) is None
    assert bottom_page(fsm.fsm_block(1, 1)) is None


@pytest.mark.parametrize(
    "con", [c for m in (brin, gin, gist, hash, heap, itup, nbtree, sequence, spgist, varlena)
            for c in vars(m).values() if isinstance(c, Struct)], ids=repr,
)  # fmt: skip
def test_derived_decoders_equal_the_declared(con: Any) -> None:
    data = random.Random(SEED).randbytes(con.sizeof())
    assert con.build(con.parse(data)) == data
    flat = derive.struct_of(con).unpack(data)
    assert derive.struct_of(con).pack(*flat) == data
    declared = con.parse(data)
    for field, value in zip(derive.fields(con), flat):
        if field.name in declared and isinstance(value, int) and "." not in field.name:
            adapted = declared[field.name]
            if isinstance(adapted, int):
                assert int(adapted) == value, field.name


def test_blocks_in_later_segments(sample: list[tuple[str, str, bytes]], tmp_path: Path) -> None:
    page = sample[0][2]
    with open(tmp_path / "16384", "wb") as first:
        first.truncate(1 << 30)
    (tmp_path / "16384.1").write_bytes(bytes(BLCKSZ) + page)
    plain = _run("page_header", "--file", tmp_path / "16384", "--block", 131073)
    direct = _run("page_header", "--file", tmp_path / "16384.1", "--block", 1)
    assert plain.output == direct.output and str(RawPage(page).lsn) in plain.output
    checked = _run("page_checksum", "--file", tmp_path / "16384.1", "--block", "0-1",
                   "--format", "jsonl")  # fmt: skip
    assert json.loads(checked.output.splitlines()[1])["blkno"] == 131073
    first_missing = _run("page_header", "--file", tmp_path / "16384", "--block", 131074)
    assert "is out of range" in str(first_missing.exception)


def _every_view(data: bytes, fork: str) -> None:
    """All that can be asked about a page; PgtoolError is an answer, anything else is not."""
    with contextlib.suppress(PgtoolError):
        pages.build_page(pages.parse_page(data, pages.detect(data, fork)))
    page = RawPage(data, 3, 18, attributes=[deform.Attribute(4, "i"), deform.Attribute(-1, "i")],
                   fetch=lambda block: data)  # fmt: skip
    for function in FUNCTIONS.values():
        with contextlib.suppress(PgtoolError):
            list(function.rows(page))


def _mutated(rng: random.Random, page: bytes) -> bytes:
    out = bytearray(page)
    for _ in range(rng.choice((1, 1, 2, 8))):
        where = rng.choice((rng.randrange(24), rng.randrange(200), rng.randrange(BLCKSZ),
                            BLCKSZ - 1 - rng.randrange(20)))  # fmt: skip
        out[where] = rng.choice((0, 0xFF, rng.randrange(256), out[where] ^ 1 << rng.randrange(8)))
    return bytes(out)


def test_damaged_pages_never_surprise(sample: list[tuple[str, str, bytes]]) -> None:
    rng = random.Random(SEED)
    for _ in range(700):
        _file, fork, page = rng.choice(sample)
        _every_view(_mutated(rng, page), fork)
    for kind in pages.KINDS:
        page = rng.randbytes(BLCKSZ)
        _every_view(page, "")
        assert explain(page, kind=kind).sections


def test_annotations_cover_the_page(sample: list[tuple[str, str, bytes]]) -> None:
    rng = random.Random(SEED)
    for file, fork, page in rng.sample(sample, 60):
        for data in (page, _mutated(rng, page)):
            found = explain(data, title=file, fork=fork)
            at = 0
            for section in found.sections:
                assert section.offset == at
                inner = at
                for leaf in section.fields:
                    assert leaf.offset == inner, (file, section.name)
                    inner += leaf.size
                at += section.size
                assert inner == at, (file, section.name)
            assert at == BLCKSZ
            if data is page:
                assert not found.problems
            assert list(Printer(True).lines(found))


def test_html_is_self_contained(sample: list[tuple[str, str, bytes]]) -> None:
    _file, fork, page = sample[0]
    page = page[:4000] + b"</script><script>alert(1)</script>" + page[4034:]
    text = render_pages([explain(page, title="<b>x</b>", fork=fork)])
    assert text.count("</script>") == 2
    assert "<b>x" not in text
    for outside in ("http://", "https://", "src=", "@import", "url("):
        assert outside not in text.replace("http://www.w3.org/2000/svg", "")
    start = text.index('id="data">') + len('id="data">')
    data = json.loads(text[start : text.index("</script>", start)])
    assert data["pages"][0]["sections"][0]["n"] == "page header"


def _run(*args: object) -> Any:
    return CliRunner().invoke(command, [str(arg) for arg in args], standalone_mode=False)


def test_relation_by_file_and_by_name(server: Server) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pgtool", "ls", "-D", server.data, "-d", "postgres", "toasted",
         "--format", "json"], capture_output=True, text=True, check=True,
    )  # fmt: skip
    path = json.loads(listed.stdout)["rows"][0]
    file = next(str(v) for v in path.values() if str(v).startswith("base/"))
    by_file = _run("heap_page_items", "-D", server.data, "--file", file, "--block", "all")
    by_name = _run("heap_page_items", "-D", server.data, "-d", "postgres", "--relation", "toasted",
                   "--block", "0-")  # fmt: skip
    assert by_file.output == by_name.output and by_file.output.count("\n") > 10
    attrs = _run("heap_page_item_attrs", "-D", server.data, "-d", "postgres", "--relation",
                 "toasted", "--block", 0, "--format", "json")  # fmt: skip
    rows = json.loads(attrs.output)["rows"]
    assert rows[0]["t_attrs"][0] == "\\x01000000"
    explained = _run("--explain", "-D", server.data, "-d", "postgres", "--relation", "toasted",
                     "--block", 0)  # fmt: skip
    assert explained.exit_code == 0 and "ToastPointer(rawsize=" in explained.output


def test_html_file(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    run = _run("-D", server.data, "-d", "postgres", "--relation", "bt_dup", "--block", "0-3",
               "--html", target)  # fmt: skip
    assert run.exception is None, run.exception
    assert target.read_text().startswith("<!DOCTYPE html>")
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["page_header"], "give either --file or --relation"),
        (["no_such", "--file", "FILE", "--block", "0"], 'unknown function "no_such"'),
        (["page_header", "--file", "FILE"], "no block given: use --block N, N-M, N- or all"),
        (["page_header", "--file", "FILE", "--block", "x"],
         'invalid block "x": use N, N-M, N- or all'),
        (["page_header", "--file", "FILE", "--block", "99"],
         'block number 99 is out of range for relation "FILE"'),
        (["bt_multi_page_stats", "--file", "FILE", "--block", "0", "--major", "15"],
         "function bt_multi_page_stats does not exist in PostgreSQL 15"),
        (["bt_page_stats", "--file", "FILE", "--block", "0"], "block 0 is a meta page"),
        (["gin_metapage_info", "--file", "FILE"],
         "input page is not a valid GIN metapage: Expected special size 8, got 0."),
        (["heap_tuple_infomask_flags", "1"],
         "heap_tuple_infomask_flags takes two numbers: t_infomask, t_infomask2"),
        (["--explain"], "give either --file or --relation"),
    ],
)  # fmt: skip
def test_wrong_requests(server: Server, args: list[str], message: str) -> None:
    file = str(server.data / "base/5/1259")
    run = _run(*[file if arg == "FILE" else arg for arg in args])
    assert isinstance(run.exception, PgtoolError)
    assert str(run.exception) == message.replace("FILE", file)

"""The fast walk shows what the plain path shows: compiled and not, alone and in parallel."""

from __future__ import annotations

import importlib.util
import io
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from formats.errors import PgtoolError
from formats.units import Lsn
from formats.wal.page import parse_segment_name
from pgtool.inspect.waldump import dump as dump_module
from pgtool.inspect.waldump import quick
from pgtool.inspect.waldump.dump import Options, dump
from pgtool.inspect.waldump.filters import Filter
from pgtool.inspect.waldump.target import Target
from pgtool.wal import fast
from pgtool.wal.programs import PROGRAMS
from pgtool.wal.rmgr import RMGRS
from pgtool.wal.source import segment_info
from tests.fixture_wal import with_wal
from tests.fixtures import Scenario

#: The major that every way of showing is tried on.
NEWEST = 18
RELATION = (1663, 5, 1259)
SHOWN = (
    Options(), Options(bkp_details=True), Options(stats="record"), Options(quiet=True),
    Options(limit=77), Options(filter=Filter(rmids=frozenset([10, 11]))),
    Options(filter=Filter(fullpage=True), stats="rmgr"), Options(filter=Filter(fork=2)),
    Options(filter=Filter(relation=RELATION)), Options(filter=Filter(relation=RELATION, block=1)),
    Options(filter=Filter(xid=740)),
)  # fmt: skip


def load_source() -> ModuleType:
    """The walk as plain Python, also where a compiled one is installed."""
    compiled = sys.modules["pgtool.wal.hotrecord"]
    try:
        sys.modules["pgtool.wal.hotrecord"] = _from_source("hotrecord")
        return _from_source("walk")
    finally:
        sys.modules["pgtool.wal.hotrecord"] = compiled


def _from_source(name: str) -> ModuleType:
    path = Path(fast.__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"pgtool.wal.{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.__file__ is not None and module.__file__.endswith(".py")
    return module


def targets(scenario: Scenario, tmp_path: Path) -> list[Target]:
    """One for each captured moment of a scenario and each timeline in it."""
    out = []
    for tag in scenario.wal_tags():
        directory = tmp_path / (tag or "wal")
        directory.mkdir()
        files = scenario.wal(tag)
        for name, data in files.items():
            (directory / name).write_bytes(data)
        for tli in sorted({name[:8] for name in files}):
            first = min(name for name in files if name.startswith(tli))
            info = segment_info(str(directory), first)
            number, segno = parse_segment_name(first, info.segment_size)
            start = Lsn(segno * info.segment_size)
            out.append(Target(str(directory), info, number, start, None))
    return out


def shown(target: Target, options: Options) -> tuple[bytes, str]:
    out = io.BytesIO()
    try:
        dump(target, options, out, lambda text: None)
    except PgtoolError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


@pytest.mark.parametrize("scenario", with_wal(), ids=str)
def test_fast_is_plain(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for target in targets(scenario, tmp_path):
        for options in SHOWN if scenario.major == NEWEST else SHOWN[:2]:
            monkeypatch.setattr(dump_module, "usable", lambda *_: False)
            plain = shown(target, options)
            monkeypatch.setattr(dump_module, "usable", lambda *_: True)
            assert shown(target, options) == plain
            if options == SHOWN[1]:
                with monkeypatch.context() as patch:
                    patch.setattr(fast, "Walker", load_source().Walker)
                    assert shown(target, options) == plain


@pytest.mark.parametrize("scenario", with_wal(NEWEST), ids=str)
@pytest.mark.parametrize("usable", [False, True], ids=["plain", "fast"])
def test_parallel_is_alone(
    scenario: Scenario, usable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump_module, "usable", lambda *_: usable)
    monkeypatch.setattr(dump_module, "UNIT_BYTES", 200_000)
    for target in targets(scenario, tmp_path):
        for options in (Options(), Options(stats="record")):
            assert shown(target, replace(options, jobs=3)) == shown(target, options)


def test_every_program_names_a_record_type() -> None:
    known = {
        manager.name: {name for kind in manager.records for name in kind.names().values()}
        for manager in RMGRS
    }
    for manager, rows in PROGRAMS.items():
        assert set(rows) <= known[manager]


def test_not_for_images_and_json() -> None:
    assert not quick.usable("jsonl", None, None)
    assert not quick.usable("text", None, "/somewhere")

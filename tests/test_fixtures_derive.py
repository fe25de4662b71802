"""The derived decoders against the declarations they come from, over the fixtures' bytes.

Every declaration of a fixed size in `formats` is found by looking, so that a new one is held to
this without being named here. The bytes are runs of the fixtures at many offsets: whatever the
bytes are, `struct`, numpy and construct must read the same numbers.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Iterator
from typing import Any

import pytest
from construct import (
    Array,
    Bytes,
    Construct,
    ConstructError,
    FormatField,
    Renamed,
    SizeofError,
    Struct,
    Subconstruct,
)

import formats
from formats.derive import dtype_of, fields, offset_of, reader, sizeof, struct_of
from formats.version import ByMajor
from tests.fixtures import scenarios

LARGEST = 2048
SAMPLES = 12


def declarations() -> Iterator[tuple[str, Construct]]:
    """Every fixed-size Struct that a module of formats declares (per major where it differs)."""
    for info in pkgutil.walk_packages(formats.__path__, "formats."):
        module = importlib.import_module(info.name)
        for name, value in sorted(vars(module).items()):
            many = value.items() if isinstance(value, ByMajor) else [(0, value)]
            for major, con in many:
                if isinstance(con, Struct) and _fixed(con):
                    yield f"{info.name}.{name}" + (f"[{major}]" if major else ""), con


def _fixed(con: Construct) -> bool:
    try:
        return 0 < con.sizeof() <= LARGEST and bool(fields(con))
    except (SizeofError, ConstructError, TypeError, KeyError, AttributeError):
        return False


DECLARATIONS = dict(declarations())


def raw_values(con: Construct, data: bytes) -> dict[str, Any]:
    """Field name → number or bytes, read by construct's own primitives without adapters."""
    out: dict[str, Any] = {}

    def walk(one: Construct, prefix: str, offset: int) -> None:
        if isinstance(one, Renamed):
            name = one.name if not prefix else f"{prefix}.{one.name}"
            inner = one.subcon
            walk(inner, prefix if isinstance(inner, Renamed) else name, offset)
        elif isinstance(one, Struct):
            for sub in one.subcons:
                walk(sub, prefix, offset)
                offset += sub.sizeof()
        elif isinstance(one, (FormatField, Bytes)):
            out[prefix] = one.parse(data[offset:offset + one.sizeof()])
        elif isinstance(one, Array):
            for i in range(one.count):
                walk(one.subcon, f"{prefix}[{i}]", offset)
                offset += one.subcon.sizeof()
        elif isinstance(one, Subconstruct):
            walk(one.subcon, prefix, offset)
        else:
            raise TypeError(f"{prefix}: {one!r}")

    walk(con, "", 0)
    return out


@pytest.fixture(scope="module")
def corpus() -> bytes:
    """A little of every kind of file of every major."""
    rng = random.Random(18)
    parts = []
    for scenario in scenarios():
        for entry in scenario.entries():
            data = scenario.file(entry["path"])
            at = rng.randrange(max(1, len(data) - LARGEST))
            parts.append(data[at:at + LARGEST])
    assert parts
    return b"".join(rng.sample(parts, min(len(parts), 200)))


def test_declarations_are_found() -> None:
    assert len(DECLARATIONS) > 60
    assert "formats.page.PageHeaderData" in DECLARATIONS


@pytest.mark.parametrize("name", DECLARATIONS)
def test_derived_equals_declared(name: str, corpus: bytes) -> None:
    con = DECLARATIONS[name]
    size = sizeof(con)
    names = [f.name for f in fields(con)]
    read = reader(con) if all(" " not in n for n in names) else None  # a name of `--explain`
    rng = random.Random(name)
    spots = [rng.randrange(len(corpus) - size) for _ in range(SAMPLES)]
    for at in spots:
        declared = raw_values(con, corpus[at:at + size])
        assert list(declared) == names
        expected = repr(list(declared.values()))  # as text: a NaN does not equal itself
        assert repr(list(struct_of(con).unpack_from(corpus, at))) == expected
        assert read is None or repr(list(read(corpus, at))) == expected
        for field in fields(con):
            assert offset_of(con, field.name) == field.offset


@pytest.mark.parametrize("name", DECLARATIONS)
def test_numpy_equals_declared(name: str, corpus: bytes) -> None:
    numpy = pytest.importorskip("numpy")
    con = DECLARATIONS[name]
    size = sizeof(con)
    dtype = dtype_of(con)
    assert dtype.itemsize == size
    rng = random.Random(name)
    for at in [rng.randrange(len(corpus) - size) for _ in range(SAMPLES)]:
        row = numpy.frombuffer(corpus, dtype, count=1, offset=at)[0]
        for key, value in raw_values(con, corpus[at:at + size]).items():
            got = row[key].tobytes() if isinstance(value, bytes) else row[key].item()
            assert got == value or (got != got and value != value), (name, key)

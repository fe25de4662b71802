"""pg_filenode.map: which file holds a mapped catalog.

Source: ``utils/cache/relmapper.c``. A few catalogs (pg_class itself, the shared ones, and
their indexes and TOAST tables) cannot record their file in pg_class; the map beside
them does. ``global/pg_filenode.map`` serves the shared ones, ``base/<db>/pg_filenode.map``
a database's own. The file is one struct: magic, count, a fixed array of pairs, a CRC over
all bytes before it.
"""

from __future__ import annotations

from collections.abc import Mapping

from construct import Array, Container, Struct

from formats.crc import crc32c
from formats.derive import offset_of, sizeof
from formats.errors import CorruptData
from formats.units import Oid, Raw, RelFileNumber, int32, pg_crc32c
from formats.version import MAJORS, ByMajor

RELMAPPER_FILENAME = "pg_filenode.map"
RELMAPPER_FILEMAGIC = 0x592717

MAX_MAPPINGS = ByMajor({14: 62, 16: 64})

RelMapping = Struct(
    "mapoid" / Oid * "OID of the catalog, index or TOAST table",
    "mapfilenumber" / RelFileNumber * "name of its file",
)
assert sizeof(RelMapping) == 8


def _file(mappings: int, *pad: object) -> Struct:
    return Struct(
        "magic" / int32 * "RELMAPPER_FILEMAGIC",
        "num_mappings" / int32 * "pairs in use",
        "mappings" / Array(mappings, RelMapping) * "the pairs, unused ones zero",
        "crc" / pg_crc32c * "CRC-32C of all bytes before it",
        *pad,
    )


RelMapFile = ByMajor(
    {14: _file(MAX_MAPPINGS[14], "pad" / Raw(4) * "to 512 bytes"), 16: _file(MAX_MAPPINGS[16])}
)
assert [sizeof(layout) for layout in RelMapFile.distinct()] == [512, 524]

_MAJOR_OF_SIZE = {sizeof(RelMapFile[major]): major for major in MAJORS}


def parse(data: bytes, *, file: str = RELMAPPER_FILENAME) -> Container:
    """The map, checked: size, magic, count, CRC. The size tells which layout it has."""
    major = _MAJOR_OF_SIZE.get(len(data))
    if major is None:
        raise CorruptData(
            f"relation mapping file has {len(data)} bytes, "
            f"{' or '.join(map(str, _MAJOR_OF_SIZE))} are expected",
            file=file,
        )
    layout = RelMapFile[major]
    found = layout.parse(data)
    if found.magic != RELMAPPER_FILEMAGIC:
        raise CorruptData(
            f"relation mapping file contains invalid data: magic 0x{found.magic & 0xFFFFFFFF:X}",
            file=file, offset=0, field="magic",
        )  # fmt: skip
    if not 0 <= found.num_mappings <= MAX_MAPPINGS[major]:
        raise CorruptData(
            f"relation mapping file contains invalid data: {found.num_mappings} mappings",
            file=file, offset=offset_of(layout, "num_mappings"), field="num_mappings",
        )  # fmt: skip
    at = offset_of(layout, "crc")
    if crc32c(data[:at]) != found.crc:
        raise CorruptData(
            "relation mapping file contains incorrect checksum", file=file, offset=at, field="crc"
        )
    return found


def build(found: Container) -> bytes:
    """The bytes of a map; its number of pairs decides the layout, the CRC is kept as it is."""
    size = {MAX_MAPPINGS[major]: major for major in MAJORS}
    return bytes(RelMapFile[size[len(found.mappings)]].build(found))


def remapped(data: bytes, numbers: Mapping[int, int], *, file: str = RELMAPPER_FILENAME) -> bytes:
    """A map with other files for some catalogs that it knows."""
    found = parse(data, file=file)
    for pair in found.mappings[: found.num_mappings]:
        pair.mapfilenumber = numbers.get(pair.mapoid, pair.mapfilenumber)
    at = offset_of(RelMapFile[_MAJOR_OF_SIZE[len(data)]], "crc")
    found.crc = crc32c(build(found)[:at])
    return build(found)


def mapping(found: Container) -> dict[int, int]:
    """OID → file number of the pairs in use."""
    used = found.mappings[: found.num_mappings]
    return {pair.mapoid: pair.mapfilenumber for pair in used}

"""The files of the mapped catalogs: read from pg_filenode.map, or guessed where it is damaged."""

from __future__ import annotations

from formats import relmap
from formats.errors import CorruptData
from pgtool.access.damage import Damage
from pgtool.storage.backend import Backend

#: OIDs below are those of objects that initdb makes, the mapped catalogs among them.
FIRST_UNPINNED_OID = 12000


def read_map(backend: Backend, directory: str, damage: Damage) -> dict[int, int]:
    """OID → file number, for ``global`` or a database's directory.

    Where damage is tolerated, a map that cannot be read is told, and the files are taken to
    have the numbers that initdb gave them. They keep those until VACUUM FULL or CLUSTER
    rewrites the catalog; then the old file is gone and the catalog is not found.
    """
    path = f"{directory}/{relmap.RELMAPPER_FILENAME}"
    try:
        return relmap.mapping(relmap.parse(backend.read(path, 0, 1 << 16), file=path))
    except FileNotFoundError:
        damage(CorruptData("relation mapping file is missing", file=path))
    except CorruptData as problem:
        damage(problem)
    numbers = (int(name) for name in backend.list(directory) if name.isdigit())
    return {number: number for number in numbers if number < FIRST_UNPINNED_OID}

"""The files of the catalogs: three databases with the same contents, and the shared ones."""

from __future__ import annotations

from pgtool.catalog.genesis.contents import POSTGRES, TEMPLATE0, TEMPLATE1
from pgtool.catalog.genesis.files import FileMaker, Forks
from pgtool.catalog.genesis.rows import Rows
from pgtool.commands.initdb.control import relation_map
from pgtool.commands.initdb.directory import NewDirectory
from pgtool.storage.checksum import set_checksums

VERSION = b"18\n"


def write_databases(made: FileMaker, where: NewDirectory, checksums: bool) -> None:
    """Every relation's forks, each as it is made, the maps and the version files."""
    databases = [f"base/{oid}" for oid in (TEMPLATE1, TEMPLATE0, POSTGRES)]
    for shared, relations in made.files():
        for oid, forks in relations.items():
            _write_forks(forks, str(oid), ["global"] if shared else databases, where, checksums)
    for place in databases:
        where.write(f"{place}/PG_VERSION", VERSION)
        where.write(f"{place}/pg_filenode.map", relation_map(mapped(made.rows, False)))
    where.write("global/pg_filenode.map", relation_map(mapped(made.rows, True)))


def _write_forks(
    forks: Forks, name: str, places: list[str], where: NewDirectory, checksums: bool
) -> None:
    for suffix, pages in (("", forks.main), ("_fsm", forks.fsm), ("_vm", forks.vm)):
        if suffix and not pages:
            continue
        if checksums:
            set_checksums(pages)
        data = b"".join(pages)
        for place in places:
            where.write(f"{place}/{name}{suffix}", data)


def mapped(rows: Rows, shared: bool) -> list[int]:
    """The relations whose files the maps name."""
    out = []
    for catalog in rows.catalogs.values():
        if catalog.mapped and catalog.shared == shared:
            toast = [catalog.toast, catalog.toast_index] if catalog.toast else []
            out += [catalog.oid, *toast, *(index.oid for index in catalog.indexes)]
    return out

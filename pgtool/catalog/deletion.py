"""What goes with a dropped object, in which order, and how each kind of object goes.

:func:`dependents` walks pg_depend from the objects to be dropped: whoever depends on an
object goes before it. A part that another object owns (internal dependency) cannot go alone;
met on the way, its owner goes instead. How the walk came to an object decides whether it goes
quietly (``auto``, ``internal``, of a partition), or only with CASCADE.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import (
    delete_dependencies_of,
    dependencies_of,
    referencing,
)
from pgtool.catalog.indexing import CatalogWriter
from pgtool.catalog.pg_attrdef import remove_default

__all__ = ["Found", "OwnedError", "delete_object", "dependents"]

ORIGINAL, NORMAL, AUTO, INTERNAL, PARTITION, EXTENSION, SUBOBJECT, IS_PART = (
    1, 2, 4, 8, 16, 32, 64, 128,
)  # fmt: skip
_FLAGS = {"n": NORMAL, "a": AUTO, "x": AUTO, "i": INTERNAL, "P": PARTITION, "S": PARTITION,
          "e": EXTENSION}  # fmt: skip
#: Those that need no CASCADE.
QUIET = AUTO | INTERNAL | PARTITION | EXTENSION


@dataclass
class Found:
    """An object that goes: how it was reached, and from where."""

    address: Address
    flags: int
    dependee: Address | None


class OwnedError(Exception):
    """An object cannot be dropped alone: another one requires it."""

    def __init__(self, address: Address, owner: Address, partition: bool = False) -> None:
        super().__init__(address, owner)
        self.address, self.owner, self.partition = address, owner, partition


@dataclass
class _Frame:
    address: Address
    flags: int
    above: _Frame | None = None


@dataclass
class _Walk:
    writer: CatalogWriter
    pending: set[Address]
    targets: dict[Address, Found] = field(default_factory=dict)
    #: Objects that stand for a whole whose parts were met first.
    order: list[Address] = field(default_factory=list)

    def _known(self, address: Address, flags: int) -> bool:
        for found in self.targets.values():
            if found.address[:2] != address[:2]:
                continue
            if found.address.subid == address.subid:
                found.flags |= flags
                return True
            if not found.address.subid:
                return True
            if not address.subid:
                # A part of it goes already; the whole takes it along.
                found.flags |= SUBOBJECT
        return False

    @staticmethod
    def _on_stack(address: Address, flags: int, frame: _Frame | None) -> bool:
        while frame is not None:
            if frame.address[:2] == address[:2]:
                if frame.address.subid == address.subid:
                    frame.flags |= flags
                    return True
                if not frame.address.subid:
                    return True
            frame = frame.above
        return False

    def visit(self, address: Address, flags: int, above: _Frame | None) -> None:
        """Everything that goes with an object, then the object."""
        if self._on_stack(address, flags, above) or self._known(address, flags):
            return
        frame = _Frame(address, flags, above)
        partition = self._owners(frame)
        if partition is False:
            return
        rows = referencing(self.writer, address)
        followers: list[tuple[Address, int]] = []
        for row in rows:
            other = Address(row.classid, row.objid, row.objsubid)
            if other[:2] == address[:2] and not address.subid:
                continue
            followers.append((other, _FLAGS[row.deptype]))
        followers.sort(key=lambda pair: (-pair[0].objid, pair[0].classid, pair[0].subid))
        for other, kind in followers:
            self.visit(other, kind, frame)
        dependee = above.address if above is not None else None
        if isinstance(partition, Address):
            dependee = partition
        if address not in self.targets:
            self.targets[address] = Found(address, frame.flags, dependee)

    def _owners(self, frame: _Frame) -> Address | bool | None:
        """Look at what the object is a part of: False where its owner goes instead.

        An Address is the partitioned object whose part it is.
        """
        address = frame.address
        partition: Address | None = None
        rows = dependencies_of(self.writer, address)
        for row in sorted(rows, key=lambda row: row.deptype != "P"):
            if address.subid and row.objsubid != address.subid:
                continue
            other = Address(row.refclassid, row.refobjid, row.refobjsubid)
            if other[:2] == address[:2] and not address.subid:
                continue  # a part's dependency: a column of a partition key is its table's
            kind = row.deptype
            if kind in "PS":
                frame.flags |= IS_PART
                if kind == "P":
                    partition = other
            elif kind in "ie" and self._owner(frame, other, partition):
                return False
        return partition

    def _owner(self, frame: _Frame, other: Address, partition: Address | None) -> bool:
        """An owner: whether the walk went on from it instead."""
        above = frame.above
        if above is None:
            if other in self.pending or Address(*other[:2]) in self.pending:
                # It goes too; what it owns goes with it.
                self.visit(other, ORIGINAL, None)
                found = self.targets.get(frame.address)
                if found is not None:
                    found.flags |= frame.flags
                return found is not None
            raise OwnedError(frame.address, partition or other)
        at: _Frame | None = above
        while at is not None:
            if at.address[:2] == other[:2] and at.address.subid in (0, other.subid):
                return False
            at = at.above
        self.visit(other, frame.flags & ~(INTERNAL | EXTENSION), above)
        return self._known(frame.address, frame.flags)


def dependents(writer: CatalogWriter, objects: list[Address]) -> list[Found]:
    """What goes, in the order of going."""
    walk = _Walk(writer, set(objects))
    for address in objects:
        found = walk.targets.get(address)
        if found is not None:
            found.flags |= ORIGINAL
            continue
        walk.visit(address, ORIGINAL, None)
    out = list(walk.targets.values())
    for item in reversed(out):
        if item.flags & IS_PART and not item.flags & PARTITION:
            assert item.dependee is not None
            raise OwnedError(item.address, item.dependee, partition=True)
    return out


# -- deleting ------------------------------------------------------------------------------


def _drop_relation(writer: CatalogWriter, address: Address) -> None:
    row = writer.row("pg_class", "oid", address.objid)
    if row is None:
        return
    if address.subid:
        drop_attribute(writer, address.objid, address.subid)
        return
    for child in writer.cache.lookup("pg_inherits", "inhrelid", row.oid):
        _forget_default_partition(writer, child.inhparent, row.oid)
        writer.delete("pg_inherits", child)
    if row.relkind in "iI":
        writer.delete("pg_index", writer.row("pg_index", "indexrelid", row.oid))
    if row.relkind == "S":
        writer.delete("pg_sequence", writer.row("pg_sequence", "seqrelid", row.oid))
    if row.relkind == "p":
        key = writer.row("pg_partitioned_table", "partrelid", row.oid)
        writer.delete("pg_partitioned_table", key)
    drop_statistics(writer, row.oid)
    for attribute in writer.cache.lookup("pg_attribute", "attrelid", row.oid):
        writer.delete("pg_attribute", attribute)
    writer.delete("pg_class", row)
    if row.relkind in "rmtSi" and row.relfilenode:
        writer.store.drop(writer.locator(row.reltablespace, row.relfilenode))


def _forget_default_partition(writer: CatalogWriter, parent: int, child: int) -> None:
    key = writer.row("pg_partitioned_table", "partrelid", parent)
    if key is not None and key.partdefid == child:
        writer.update("pg_partitioned_table", key, partdefid=0)


def drop_statistics(writer: CatalogWriter, relid: int, number: int = 0) -> None:
    """A relation's rows of pg_statistic, or one column's."""
    for row in writer.cache.lookup("pg_statistic", "starelid", relid):
        if not number or row.staattnum == number:
            writer.delete("pg_statistic", row)


def drop_attribute(writer: CatalogWriter, relid: int, number: int) -> None:
    """Mark a column as dropped; its values stay where they are."""
    row = writer.row("pg_attribute", ("attrelid", "attnum"), (relid, number))
    writer.update(
        "pg_attribute", row, attisdropped=True, atttypid=0, attnotnull=False, attgenerated="",
        attname=f"........pg.dropped.{number}........", atthasmissing=False, attmissingval=None,
        attstattarget=None, attacl=None, attoptions=None, attfdwoptions=None,
    )  # fmt: skip
    drop_statistics(writer, relid, number)


def _drop_constraint(writer: CatalogWriter, address: Address) -> None:
    row = writer.row("pg_constraint", "oid", address.objid)
    if row.contype == "c" and row.conrelid:
        relation = writer.row("pg_class", "oid", row.conrelid)
        if relation is not None:
            writer.update("pg_class", relation, relchecks=relation.relchecks - 1)
    writer.delete("pg_constraint", row)


def _drop_type(writer: CatalogWriter, address: Address) -> None:
    row = writer.row("pg_type", "oid", address.objid)
    writer.delete("pg_type", row)
    if row.typtype == "e":
        for label in writer.cache.lookup("pg_enum", "enumtypid", row.oid):
            writer.delete("pg_enum", label)
    if row.typtype == "r":
        for found in writer.cache.lookup("pg_range", "rngtypid", row.oid):
            writer.delete("pg_range", found)


def _drop_default(writer: CatalogWriter, address: Address) -> None:
    remove_default(writer, writer.row("pg_attrdef", "oid", address.objid))


def _drop_statistic_ext(writer: CatalogWriter, address: Address) -> None:
    for row in writer.cache.lookup("pg_statistic_ext_data", "stxoid", address.objid):
        writer.delete("pg_statistic_ext_data", row)
    writer.delete("pg_statistic_ext", writer.row("pg_statistic_ext", "oid", address.objid))


_SPECIAL = {
    c.RELATION: _drop_relation, c.CONSTRAINT: _drop_constraint, c.TYPE: _drop_type,
    c.ATTR_DEFAULT: _drop_default, c.STATISTIC_EXT: _drop_statistic_ext,
}  # fmt: skip
_PLAIN = {
    c.PROCEDURE: "pg_proc", c.REWRITE: "pg_rewrite", c.TRIGGER: "pg_trigger",
    c.NAMESPACE: "pg_namespace", c.CAST: "pg_cast", c.COLLATION: "pg_collation",
    c.CONVERSION: "pg_conversion", c.OPERATOR: "pg_operator", c.OPERATOR_CLASS: "pg_opclass",
    c.OPERATOR_FAMILY: "pg_opfamily", c.AM_OP: "pg_amop", c.AM_PROC: "pg_amproc",
    c.LANGUAGE: "pg_language", c.POLICY: "pg_policy", c.ACCESS_METHOD: "pg_am",
    c.EXTENSION: "pg_extension", c.FOREIGN_SERVER: "pg_foreign_server",
    c.FOREIGN_DATA_WRAPPER: "pg_foreign_data_wrapper", c.USER_MAPPING: "pg_user_mapping",
    c.DEFAULT_ACL: "pg_default_acl", c.PUBLICATION: "pg_publication",
    c.PUBLICATION_REL: "pg_publication_rel", c.TS_CONFIG: "pg_ts_config",
    c.TS_DICT: "pg_ts_dict", c.TS_PARSER: "pg_ts_parser", c.TS_TEMPLATE: "pg_ts_template",
    c.EVENT_TRIGGER: "pg_event_trigger", c.PUBLICATION_NAMESPACE: "pg_publication_namespace",
}  # fmt: skip


def delete_comments(writer: CatalogWriter, address: Address) -> None:
    """An object's comments and labels."""
    key = ("objoid", "classoid")
    for catalog in ("pg_description", "pg_seclabel"):
        for row in writer.cache.lookup(catalog, key, (address.objid, address.classid)):
            if not address.subid or row.objsubid == address.subid:
                writer.delete(catalog, row)


def delete_object(writer: CatalogWriter, address: Address) -> None:
    """One object goes, with what it depended on forgotten."""
    special = _SPECIAL.get(address.classid)
    if special is not None:
        special(writer, address)
    else:
        catalog = _PLAIN[address.classid]
        row: Any = writer.row(catalog, "oid", address.objid)
        if row is None:
            return
        writer.delete(catalog, row)
    delete_comments(writer, address)
    delete_dependencies_of(writer, address)
    writer.advance()

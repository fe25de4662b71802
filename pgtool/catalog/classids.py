"""OIDs of the catalogs by which dependencies name objects, and other fixed OIDs (``pg_*.dat``)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Address"]

ACCESS_METHOD, AM_OP, AM_PROC, ATTR_DEFAULT, ATTRIBUTE = 2601, 2602, 2603, 2604, 1249
AUTH_ID, CAST, COLLATION, CONSTRAINT, CONVERSION, DATABASE = 1260, 2605, 3456, 2606, 2607, 1262
DEFAULT_ACL, ENUM, EVENT_TRIGGER, EXTENSION = 826, 3501, 3466, 3079
FOREIGN_DATA_WRAPPER, FOREIGN_SERVER, INIT_PRIVS, LANGUAGE = 2328, 1417, 3394, 2612
LARGE_OBJECT, NAMESPACE, OPERATOR, OPERATOR_CLASS = 2613, 2615, 2617, 2616
OPERATOR_FAMILY, POLICY, PROCEDURE, PUBLICATION = 2753, 3256, 1255, 6104
PUBLICATION_NAMESPACE, PUBLICATION_REL = 6237, 6106
RELATION, REWRITE, SEQUENCE, STATISTIC_EXT = 1259, 2618, 2224, 3381
TABLESPACE, TRIGGER = 1213, 2620
TS_CONFIG, TS_DICT, TS_PARSER, TS_TEMPLATE, TYPE, USER_MAPPING = 3602, 3600, 3601, 3764, 1247, 1418

PG_CATALOG_NAMESPACE, PG_TOAST_NAMESPACE, PG_PUBLIC_NAMESPACE = 11, 99, 2200
DEFAULT_COLLATION, C_COLLATION = 100, 950
HEAP_AM, BTREE_AM, HASH_AM = 2, 403, 405
FIRST_UNPINNED_OBJECT_ID, FIRST_NORMAL_OBJECT_ID = 12000, 16384


class Address(NamedTuple):
    """An object: the catalog that holds it, its OID there, and a column's number or 0."""

    classid: int
    objid: int
    subid: int = 0


def is_pinned(classid: int, objid: int) -> bool:
    """Whether an object is part of every database, so that nothing need depend on it."""
    if objid >= FIRST_UNPINNED_OBJECT_ID or classid in (LARGE_OBJECT, DATABASE):
        return False
    return not (classid == NAMESPACE and objid == PG_PUBLIC_NAMESPACE)

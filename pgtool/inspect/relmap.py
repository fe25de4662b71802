"""The relation maps of a data directory, with the names of the catalogs they place.

Which catalogs are mapped is the same in every database of a major; their names stand
here as data, because nothing else can be read before the map is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from formats import relmap
from formats.errors import CorruptData, UserError

COLUMNS = ("mapoid", "relation", "mapfilenumber")
GLOBAL = f"global/{relmap.RELMAPPER_FILENAME}"

# fmt: off
#: OIDs of mapped catalogs, their indexes and TOAST tables, over all majors.
NAMES = {
    1213: "pg_tablespace", 1214: "pg_shdepend", 1232: "pg_shdepend_depender_index",
    1233: "pg_shdepend_reference_index", 1247: "pg_type", 1249: "pg_attribute", 1255: "pg_proc",
    1259: "pg_class", 1260: "pg_authid", 1261: "pg_auth_members", 1262: "pg_database",
    2396: "pg_shdescription", 2397: "pg_shdescription_o_c_index",
    2658: "pg_attribute_relid_attnam_index", 2659: "pg_attribute_relid_attnum_index",
    2662: "pg_class_oid_index", 2663: "pg_class_relname_nsp_index",
    2671: "pg_database_datname_index", 2672: "pg_database_oid_index",
    2676: "pg_authid_rolname_index", 2677: "pg_authid_oid_index",
    2690: "pg_proc_oid_index", 2691: "pg_proc_proname_args_nsp_index",
    2694: "pg_auth_members_role_member_index", 2695: "pg_auth_members_member_role_index",
    2697: "pg_tablespace_oid_index", 2698: "pg_tablespace_spcname_index", 2703: "pg_type_oid_index",
    2704: "pg_type_typname_nsp_index", 2836: "pg_toast_1255", 2837: "pg_toast_1255_index",
    2840: "pg_toast_2619", 2846: "pg_toast_2396", 2847: "pg_toast_2396_index",
    2964: "pg_db_role_setting", 2965: "pg_db_role_setting_databaseid_rol_index",
    2966: "pg_toast_2964", 2967: "pg_toast_2964_index",
    3455: "pg_class_tblspc_relfilenode_index", 3592: "pg_shseclabel",
    3593: "pg_shseclabel_object_index", 4060: "pg_toast_3592", 4061: "pg_toast_3592_index",
    4171: "pg_toast_1247", 4172: "pg_toast_1247_index", 4175: "pg_toast_1260",
    4176: "pg_toast_1260_index", 4177: "pg_toast_1262", 4178: "pg_toast_1262_index",
    4181: "pg_toast_6000", 4182: "pg_toast_6000_index", 4183: "pg_toast_6100",
    4184: "pg_toast_6100_index", 4185: "pg_toast_1213", 4186: "pg_toast_1213_index",
    6000: "pg_replication_origin", 6001: "pg_replication_origin_roiident_index",
    6002: "pg_replication_origin_roname_index", 6100: "pg_subscription",
    6114: "pg_subscription_oid_index", 6115: "pg_subscription_subname_index",
    6243: "pg_parameter_acl", 6244: "pg_toast_6243", 6245: "pg_toast_6243_index",
    6246: "pg_parameter_acl_parname_index", 6247: "pg_parameter_acl_oid_index",
    6302: "pg_auth_members_grantor_index", 6303: "pg_auth_members_oid_index",
}
# fmt: on


def map_path(pgdata: str, db: int | None, file: str | None) -> str:
    """The file to read: a named one, a database's, or the shared catalogs'."""
    if file is not None:
        beside = os.path.join(pgdata, file)
        return beside if os.path.exists(beside) else file
    if db is None or db == 0:
        return os.path.join(pgdata, GLOBAL)
    return os.path.join(pgdata, "base", str(db), relmap.RELMAPPER_FILENAME)


def rows(path: str) -> Iterator[tuple[int, str | None, int]]:
    """(OID, name where known, file number) of every pair in use, in the file's order."""
    try:
        with open(path, "rb") as opened:
            data = opened.read(4096)
    except OSError as error:
        raise UserError(f'could not open file "{path}": {error.strerror}') from None
    try:
        found = relmap.parse(data)
    except CorruptData as error:
        error.file = path
        raise
    for oid, number in relmap.mapping(found).items():
        yield oid, NAMES.get(oid), number

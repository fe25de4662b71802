"""The sentences in which PostgreSQL reports that WAL cannot be read, by major.

They are interface: people search for them, and tools compare them. Each is a format
string over named values; LSNs are :class:`formats.units.Lsn` and print as ``%X/%X``.
"""

from __future__ import annotations

from formats.version import ByMajor

_SINCE_14 = {
    "offset": "invalid record offset at {at}",
    "length": "invalid record length at {at}: wanted {want}, got {got}",
    "rmid": "invalid resource manager ID {rmid} at {at}",
    "prev": "record with incorrect prev-link {prev} at {at}",
    "crc": "incorrect resource manager data checksum in record at {at}",
    "contrecord_requested": "contrecord is requested by {at}",
    "no_contrecord": "there is no contrecord flag at {at}",
    "contrecord_length": "invalid contrecord length {got} (expected {want}) at {at}",
    "magic": "invalid magic number {value:04X} in log segment {file}, offset {offset}",
    "info": "invalid info bits {value:04X} in log segment {file}, offset {offset}",
    "sysid": (
        "WAL file is from different database system: WAL file database system identifier is "
        "{got}, pg_control database system identifier is {want}"
    ),
    "segment_size": (
        "WAL file is from different database system: incorrect segment size in page header"
    ),
    "blcksz": "WAL file is from different database system: incorrect XLOG_BLCKSZ in page header",
    "pageaddr": "unexpected pageaddr {value} in log segment {file}, offset {offset}",
    "tli": (
        "out-of-sequence timeline ID {got} (after {want}) in log segment {file}, offset {offset}"
    ),
    "history": "unexpected timeline ID {got} in log segment {file}, offset {offset}",
    "restore": "could not decompress image at {at}, block {block}",
    "short_read": "could not read from file {file}, offset {offset}: read {got} of {want}",
}
_SINCE_16 = {
    **_SINCE_14,
    "offset": "invalid record offset at {at}: expected at least {want}, got {got}",
    "length": "invalid record length at {at}: expected at least {want}, got {got}",
    "magic": "invalid magic number {value:04X} in WAL segment {file}, LSN {at}, offset {offset}",
    "info": "invalid info bits {value:04X} in WAL segment {file}, LSN {at}, offset {offset}",
    "pageaddr": "unexpected pageaddr {value} in WAL segment {file}, LSN {at}, offset {offset}",
    "tli": (
        "out-of-sequence timeline ID {got} (after {want}) in WAL segment {file}, LSN {at}, "
        "offset {offset}"
    ),
    "history": "unexpected timeline ID {got} in WAL segment {file}, LSN {at}, offset {offset}",
}
_SINCE_17 = {
    **_SINCE_16,
    "short_read": 'could not read from file "{file}", offset {offset}: read {got} of {want}',
}

WORDING: ByMajor[dict[str, str]] = ByMajor({14: _SINCE_14, 16: _SINCE_16, 17: _SINCE_17})

#: Whether an error in a record's inner structure names that record (the reader of 14), or
#: the one before it, which is the last that the reader had handed out (since 15).
NAMES_RECORD_ITSELF: ByMajor[bool] = ByMajor({14: True, 15: False})

#: The detailed form of a compressed image names the method since there is more than one.
NAMES_METHOD: ByMajor[bool] = ByMajor({14: False, 15: True})

"""What pg_controldata prints: labels, order and wording of each major, as data.

:func:`load` finds out which major's tool would be asked (a damaged file is shown as it
lies, with that tool's warnings), :func:`lines` gives the text, :func:`facts` the same
as typed values.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from formats import control
from formats.errors import CorruptData, Unsupported, UserError
from formats.version import MAJORS, ByMajor

CRC_RETRIES = 10
CRC_RETRY_SECONDS = 0.01
LABEL_WIDTH = 38


@dataclass(frozen=True)
class Notice:
    """A warning before the listing: ``text`` goes to standard output where ``inline``."""

    text: str
    inline: bool


@dataclass
class Loaded:
    """A control file with what is wrong about it."""

    major: int
    control: Any
    crc_ok: bool
    warnings: list[Notice] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing about it had to be warned of."""
        return not self.warnings


_BYTE_ORDER = (
    "possible byte ordering mismatch\n"
    "The byte ordering used to store the pg_control file might not match the one\n"
    "used by this program.  In that case the results below would be incorrect, and\n"
    "the PostgreSQL installation would be incompatible with this data directory."
)
_CRC = ByMajor(
    {
        14: Notice(
            "WARNING: Calculated CRC checksum does not match value stored in file.\n"
            "Either the file is corrupt, or it has a different layout than this program\n"
            "is expecting.  The results below are untrustworthy.\n\n",
            inline=True,
        ),
        17: Notice(
            "warning: calculated CRC checksum does not match value stored in control file\n"
            "detail: Either the control file is corrupt, or it has a different layout than this "
            "program is expecting.  The results below are untrustworthy.",
            inline=False,
        ),
    }
)
_SEGMENT_SIZE = ByMajor(
    {
        14: Notice(
            "WARNING: invalid WAL segment size\n"
            "The WAL segment size stored in the file, {size} {byte}, is not a power of two\n"
            "between 1 MB and 1 GB.  The file is corrupt and the results below are\n"
            "untrustworthy.\n\n",
            inline=True,
        ),
        17: Notice(
            "warning: invalid WAL segment size in control file ({size} {byte})\n"
            "detail: The WAL segment size must be a power of two between 1 MB and 1 GB.\n"
            "detail: The file is corrupt and the results below are untrustworthy.",
            inline=False,
        ),
    }
)

_STATES = {
    control.DBState.DB_STARTUP: "starting up",
    control.DBState.DB_SHUTDOWNED: "shut down",
    control.DBState.DB_SHUTDOWNED_IN_RECOVERY: "shut down in recovery",
    control.DBState.DB_SHUTDOWNING: "shutting down",
    control.DBState.DB_IN_CRASH_RECOVERY: "in crash recovery",
    control.DBState.DB_IN_ARCHIVE_RECOVERY: "in archive recovery",
    control.DBState.DB_IN_PRODUCTION: "in production",
}
_UNKNOWN_STATE = "unrecognized status code"
_WAL_LEVELS = {
    control.WalLevel.WAL_LEVEL_MINIMAL: "minimal",
    control.WalLevel.WAL_LEVEL_REPLICA: "replica",
    control.WalLevel.WAL_LEVEL_LOGICAL: "logical",
}
_UNKNOWN_WAL_LEVEL = ByMajor({14: "unrecognized wal_level", 17: 'unrecognized "wal_level"'})
_UNKNOWN = "???"


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(control.PG_CONTROL_FILE_SIZE)
    except OSError as error:
        raise UserError(
            f'could not open file "{path}" for reading: {error.strerror or error}'
        ) from None
    if len(data) < control.LEAST_SIZE:
        raise UserError(f'could not read file "{path}": read {len(data)} of {control.LEAST_SIZE}')
    return data


def _version_file(pgdata: str) -> int | None:
    try:
        with open(os.path.join(pgdata, "PG_VERSION"), encoding="ascii") as file:
            major = int(file.read(16))
    except (OSError, ValueError):
        return None
    return major if major in MAJORS else None


def _major(data: bytes, pgdata: str) -> int:
    """Whose layout to read by: the file's own word, else PG_VERSION's, else the format's."""
    try:
        return control.major_of(data)
    except Unsupported:
        major = _version_file(pgdata)
        if major is None:
            raise
        return major


def load(pgdata: str) -> Loaded:
    """Read pg_control below ``pgdata``, again while a server may be writing it."""
    path = os.path.join(pgdata, control.CONTROL_FILE)
    last_crc = None
    for _ in range(CRC_RETRIES):
        data = _read(path)
        major = _major(data, pgdata)
        found = _decode(data, major, path)
        crc = control.crc_of(data, major)
        if crc in (found.crc, last_crc):
            break
        last_crc = crc
        time.sleep(CRC_RETRY_SECONDS)
    out = Loaded(major, found, crc == found.crc)
    if control.swapped(found.pg_control_version):
        out.warnings.append(Notice("warning: " + _BYTE_ORDER, inline=False))
    if not out.crc_ok:
        out.warnings.append(_CRC[major])
    size = _int32(found.xlog_seg_size)
    if not control.valid_wal_segment_size(size):
        shape = _SEGMENT_SIZE[major]
        text = shape.text.format(size=size, byte="byte" if size == 1 else "bytes")
        out.warnings.append(Notice(text, shape.inline))
    return out


def _decode(data: bytes, major: int, path: str) -> Any:
    try:
        return control.decode(data, major)
    except CorruptData as error:
        error.file = path
        raise


def load_checked(pgdata: str) -> tuple[int, Any]:
    """(major, fields) of a sound pg_control; one clear error otherwise."""
    path = os.path.join(pgdata, control.CONTROL_FILE)
    if not load(pgdata).crc_ok:
        raise CorruptData("pg_control CRC value is incorrect", file=path)
    try:
        return control.parse(_read(path))
    except CorruptData as error:
        error.file = path
        raise


def _int32(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value


def _moment(seconds: int) -> str:
    try:
        return time.strftime("%c", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):
        return _UNKNOWN


def _wal_file(found: Any) -> str:
    size = _int32(found.xlog_seg_size)
    if size <= 0:
        return _UNKNOWN
    checkpoint = found.checkPointCopy
    high, low = divmod(int(checkpoint.redo) // size, 0x100000000 // size)
    return f"{checkpoint.ThisTimeLineID:08X}{high & 0xFFFFFFFF:08X}{low:08X}"


Show = Callable[[Any, int], str]


def _own(name: str) -> Show:
    return lambda c, major: str(c[name])


def _last(name: str) -> Show:
    return lambda c, major: str(c.checkPointCopy[name])


def _switch(name: str, on: str = "on", off: str = "off") -> Show:
    return lambda c, major: on if c[name] else off


def _xid(c: Any, major: int) -> str:
    next_xid = c.checkPointCopy.nextXid
    return f"{next_xid >> 32}:{next_xid & 0xFFFFFFFF}"


def _wal_level(c: Any, major: int) -> str:
    return _WAL_LEVELS.get(c.wal_level, _UNKNOWN_WAL_LEVEL[major])


_HEAD: tuple[tuple[str, Show], ...] = (
    ("pg_control version number:", _own("pg_control_version")),
    ("Catalog version number:", _own("catalog_version_no")),
    ("Database system identifier:", _own("system_identifier")),
    ("Database cluster state:", lambda c, major: _STATES.get(c.state, _UNKNOWN_STATE)),
    ("pg_control last modified:", lambda c, major: _moment(c.time)),
    ("Latest checkpoint location:", _own("checkPoint")),
    ("Latest checkpoint's REDO location:", _last("redo")),
    ("Latest checkpoint's REDO WAL file:", lambda c, major: _wal_file(c)),
    ("Latest checkpoint's TimeLineID:", _last("ThisTimeLineID")),
    ("Latest checkpoint's PrevTimeLineID:", _last("PrevTimeLineID")),
    (
        "Latest checkpoint's full_page_writes:",
        lambda c, major: _switch("fullPageWrites")(c.checkPointCopy, major),
    ),
    ("Latest checkpoint's NextXID:", _xid),
    ("Latest checkpoint's NextOID:", _last("nextOid")),
    ("Latest checkpoint's NextMultiXactId:", _last("nextMulti")),
    ("Latest checkpoint's NextMultiOffset:", _last("nextMultiOffset")),
    ("Latest checkpoint's oldestXID:", _last("oldestXid")),
    ("Latest checkpoint's oldestXID's DB:", _last("oldestXidDB")),
    ("Latest checkpoint's oldestActiveXID:", _last("oldestActiveXid")),
    ("Latest checkpoint's oldestMultiXid:", _last("oldestMulti")),
    ("Latest checkpoint's oldestMulti's DB:", _last("oldestMultiDB")),
    ("Latest checkpoint's oldestCommitTsXid:", _last("oldestCommitTsXid")),
    ("Latest checkpoint's newestCommitTsXid:", _last("newestCommitTsXid")),
    ("Time of latest checkpoint:", lambda c, major: _moment(c.checkPointCopy.time)),
    ("Fake LSN counter for unlogged rels:", _own("unloggedLSN")),
    ("Minimum recovery ending location:", _own("minRecoveryPoint")),
    ("Min recovery ending loc's timeline:", _own("minRecoveryPointTLI")),
    ("Backup start location:", _own("backupStartPoint")),
    ("Backup end location:", _own("backupEndPoint")),
    ("End-of-backup record required:", _switch("backupEndRequired", "yes", "no")),
    ("wal_level setting:", _wal_level),
    ("wal_log_hints setting:", _switch("wal_log_hints")),
    ("max_connections setting:", _own("MaxConnections")),
    ("max_worker_processes setting:", _own("max_worker_processes")),
    ("max_wal_senders setting:", _own("max_wal_senders")),
    ("max_prepared_xacts setting:", _own("max_prepared_xacts")),
    ("max_locks_per_xact setting:", _own("max_locks_per_xact")),
    ("track_commit_timestamp setting:", _switch("track_commit_timestamp")),
    ("Maximum data alignment:", _own("maxAlign")),
    ("Database block size:", _own("blcksz")),
    ("Blocks per segment of large relation:", _own("relseg_size")),
    ("WAL block size:", _own("xlog_blcksz")),
    ("Bytes per WAL segment:", _own("xlog_seg_size")),
    ("Maximum length of identifiers:", _own("nameDataLen")),
    ("Maximum columns in an index:", _own("indexMaxKeys")),
    ("Maximum size of a TOAST chunk:", _own("toast_max_chunk_size")),
    ("Size of a large-object chunk:", _own("loblksize")),
    ("Date/time type storage:", lambda c, major: "64-bit integers"),
    ("Float8 argument passing:", _switch("float8ByVal", "by value", "by reference")),
    ("Data page checksum version:", _own("data_checksum_version")),
)
_SIGNEDNESS = (
    "Default char data signedness:", _switch("default_char_signedness", "signed", "unsigned"),
)  # fmt: skip
_TAIL = (
    ("Mock authentication nonce:", lambda c, major: c.mock_authentication_nonce.hex()),
)  # fmt: skip

ROWS = ByMajor({14: (*_HEAD, *_TAIL), 18: (*_HEAD, _SIGNEDNESS, *_TAIL)})


def lines(loaded: Loaded) -> list[str]:
    """The listing, one line per field, as that major's pg_controldata prints it."""
    return [
        f"{label:<{LABEL_WIDTH}}{show(loaded.control, loaded.major)}"
        for label, show in ROWS[loaded.major]
    ]


_TIMES = ("time",)
_BOOLEANS = (
    "fullPageWrites", "backupEndRequired", "wal_log_hints", "track_commit_timestamp",
    "float8ByVal", "default_char_signedness",
)  # fmt: skip


def _fact(name: str, value: Any) -> Any:
    if name in _BOOLEANS:
        return bool(value)
    if name in _TIMES:
        import datetime

        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        try:
            return (epoch + datetime.timedelta(seconds=value)).isoformat()
        except OverflowError:
            return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return _facts(value)
    return value.name if hasattr(value, "name") else value


def _facts(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _fact(name, value)
        for name, value in fields.items()
        if not name.startswith(("pad_", "_")) and name != "unused"
    }


def facts(loaded: Loaded) -> dict[str, Any]:
    """The same as typed values under PostgreSQL's field names; times in ISO 8601, UTC."""
    return {
        "major": loaded.major,
        "crc_ok": loaded.crc_ok,
        "control": _facts(loaded.control),
    }

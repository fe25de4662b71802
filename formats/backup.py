"""What a base backup adds to a data directory: label, tablespace map, manifest.

Sources: ``access/transam/xlogbackup.c``, ``backup/backup_manifest.c``. Label and map are
text, one fact per line; the manifest is JSON in a fixed shape whose last member is a
SHA-256 over everything before it. All three come back as the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from formats.errors import CorruptData
from formats.units import Lsn

BACKUP_LABEL = "backup_label"
TABLESPACE_MAP = "tablespace_map"
BACKUP_MANIFEST = "backup_manifest"
MANIFEST_VERSIONS = (1, 2)
MANIFEST_CHECKSUM = "Manifest-Checksum"

_SEPARATOR = ": "
_START = re.compile(r"([0-9A-F]{1,8}/[0-9A-F]{1,8}) \(file ([0-9A-F]{24})\)")


@dataclass(frozen=True)
class Label:
    """backup_label, or a backup history file, which adds the STOP lines.

    ``lines`` are (name, value); a line without a name has "" for it.
    """

    lines: tuple[tuple[str, str], ...]
    ended: bool = True

    def get(self, name: str) -> str | None:
        """The value of a line, None where there is none."""
        return next((value for key, value in self.lines if key == name), None)

    def _lsn(self, name: str) -> Lsn | None:
        found = self.get(name)
        return None if found is None else Lsn.parse(found.split(" ")[0])

    def _number(self, name: str) -> int | None:
        found = self.get(name)
        return None if found is None else int(found)

    @property
    def start_wal_location(self) -> Lsn | None:
        """Where replay starts."""
        return self._lsn("START WAL LOCATION")

    @property
    def start_wal_file(self) -> str | None:
        """The WAL file that holds it."""
        found = _START.fullmatch(self.get("START WAL LOCATION") or "")
        return found and found[2]

    @property
    def stop_wal_location(self) -> Lsn | None:
        """Where the backup ended (history files only)."""
        return self._lsn("STOP WAL LOCATION")

    @property
    def checkpoint_location(self) -> Lsn | None:
        """The checkpoint record to start from."""
        return self._lsn("CHECKPOINT LOCATION")

    @property
    def backup_method(self) -> str | None:
        """``streamed`` or, up to 14, ``pg_start_backup``."""
        return self.get("BACKUP METHOD")

    @property
    def backup_from(self) -> str | None:
        """``primary`` or ``standby``."""
        return self.get("BACKUP FROM")

    @property
    def label(self) -> str | None:
        """The user's name for the backup."""
        return self.get("LABEL")

    @property
    def start_timeline(self) -> int | None:
        """The timeline it started on."""
        return self._number("START TIMELINE")

    @property
    def incremental_from(self) -> tuple[int, Lsn] | None:
        """(timeline, start) of the backup that this one builds on; None for a full one."""
        tli, lsn = self._number("INCREMENTAL FROM TLI"), self._lsn("INCREMENTAL FROM LSN")
        return None if tli is None or lsn is None else (tli, lsn)

    def render(self) -> bytes:
        """The file's bytes."""
        text = "\n".join(f"{name}{_SEPARATOR}{value}" if name else value
                         for name, value in self.lines)  # fmt: skip
        return (text + ("\n" if self.ended else "")).encode("utf-8", "surrogateescape")


def parse_label(data: bytes, *, file: str = BACKUP_LABEL) -> Label:
    """A backup label; CorruptData where what every label has is missing or malformed."""
    text = data.decode("utf-8", "surrogateescape")
    lines = []
    for line in text.removesuffix("\n").split("\n"):
        name, separator, value = line.partition(_SEPARATOR)
        lines.append((name, value) if separator and name else ("", line))
    found = Label(tuple(lines), text.endswith("\n"))
    try:
        whole = found.start_wal_file is not None and found.checkpoint_location is not None
        _ = (found.start_timeline, found.incremental_from, found.stop_wal_location)
    except ValueError as error:
        raise CorruptData(f"invalid data in backup label: {error}", file=file) from None
    if not whole:
        raise CorruptData("invalid data in backup label", file=file)
    return found


@dataclass(frozen=True)
class Tablespace:
    """A line of the tablespace map."""

    oid: int
    path: str


def _unescaped(text: str) -> Iterator[tuple[str, bool]]:
    """(character, whether it was escaped) with the backslashes taken away."""
    escaped = False
    for char in text:
        if char == "\\" and not escaped:
            escaped = True
            continue
        yield char, escaped
        escaped = False


def parse_tablespace_map(data: bytes, *, file: str = TABLESPACE_MAP) -> list[Tablespace]:
    """The tablespace map; CorruptData for a line that is not ``OID path``.

    A line ends with a line feed or a carriage return; empty ones are passed over.
    """
    out: list[Tablespace] = []
    line = ""
    text = data.decode("utf-8", "surrogateescape")
    for char, escaped in _unescaped(text):
        if char not in "\r\n" or escaped:
            line += char
            continue
        if not line:
            continue
        oid, space, path = line.partition(" ")
        if not space or not path or not re.fullmatch("[0-9]{1,10}", oid):
            raise CorruptData("invalid data in tablespace map", file=file)
        out.append(Tablespace(int(oid), path))
        line = ""
    if line:
        raise CorruptData("tablespace map ends in the middle of a line", file=file)
    return out


def build_tablespace_map(spaces: list[Tablespace]) -> bytes:
    """The bytes of a tablespace map; line ends and backslashes in paths are escaped."""
    text = "".join(
        f"{space.oid} " + re.sub(r"([\n\r\\])", r"\\\1", space.path) + "\n" for space in spaces
    )
    return text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class ManifestFile:
    """A file of the backup. ``encoded`` tells that its path is not valid UTF-8."""

    path: bytes
    size: int
    last_modified: str
    checksum_algorithm: str | None = None
    checksum: str | None = None
    encoded: bool = False

    def render(self) -> str:
        """The file's JSON object."""
        if self.encoded:
            parts = [f'"Encoded-Path": "{self.path.hex()}"']
        else:
            parts = [f'"Path": {json.dumps(self.path.decode("utf-8"), ensure_ascii=False)}']
        parts += [f'"Size": {self.size}', f'"Last-Modified": "{self.last_modified}"']
        if self.checksum_algorithm is not None:
            parts += [
                f'"Checksum-Algorithm": "{self.checksum_algorithm}"',
                f'"Checksum": "{self.checksum}"',
            ]
        return "{ " + ", ".join(parts) + " }"


@dataclass(frozen=True)
class WalRange:
    """WAL that the backup needs to become consistent."""

    timeline: int
    start: Lsn
    end: Lsn

    def render(self) -> str:
        """The range's JSON object."""
        return (
            f'{{ "Timeline": {self.timeline}, "Start-LSN": "{self.start}", '
            f'"End-LSN": "{self.end}" }}'
        )


@dataclass(frozen=True)
class Manifest:
    """A backup manifest; ``system_identifier`` is there from version 2 (17) on."""

    version: int
    system_identifier: int | None
    files: tuple[ManifestFile, ...]
    wal_ranges: tuple[WalRange, ...]

    def render(self) -> bytes:
        """The manifest's bytes, its checksum computed."""
        text = f'{{ "PostgreSQL-Backup-Manifest-Version": {self.version},\n'
        if self.system_identifier is not None:
            text += f'"System-Identifier": {self.system_identifier},\n'
        for name, items in (("Files", self.files), ("WAL-Ranges", self.wal_ranges)):
            text += f'"{name}": [' + ",".join("\n" + item.render() for item in items) + "\n],\n"
        body = text.encode("utf-8")
        digest = hashlib.sha256(body).hexdigest()
        return body + f'"{MANIFEST_CHECKSUM}": "{digest}"}}\n'.encode("ascii")


def parse_manifest(data: bytes, *, file: str = BACKUP_MANIFEST) -> Manifest:
    """The manifest, its checksum verified; CorruptData with what is wrong."""
    at = data.rfind(f'"{MANIFEST_CHECKSUM}"'.encode("ascii"))
    if at < 0 or data[at - 1 : at] != b"\n":
        raise CorruptData("backup manifest has no checksum", file=file)
    try:
        found = json.loads(data)
        if found[MANIFEST_CHECKSUM] != hashlib.sha256(data[:at]).hexdigest():
            raise CorruptData("manifest checksum mismatch", file=file, offset=at)
        version = found["PostgreSQL-Backup-Manifest-Version"]
        if version not in MANIFEST_VERSIONS:
            raise CorruptData(f"unexpected manifest version {version!r}", file=file)
        system = found.get("System-Identifier")
        return Manifest(
            version,
            None if system is None else int(system),
            tuple(_file(item) for item in found["Files"]),
            tuple(_range(item) for item in found["WAL-Ranges"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptData(f"could not parse backup manifest: {error}", file=file) from None


def _file(item: dict[str, Any]) -> ManifestFile:
    encoded = "Encoded-Path" in item
    path = bytes.fromhex(item["Encoded-Path"]) if encoded else item["Path"].encode("utf-8")
    return ManifestFile(
        path, int(item["Size"]), str(item["Last-Modified"]),
        item.get("Checksum-Algorithm"), item.get("Checksum"), encoded,
    )  # fmt: skip


def _range(item: dict[str, Any]) -> WalRange:
    return WalRange(int(item["Timeline"]), Lsn.parse(item["Start-LSN"]), Lsn.parse(item["End-LSN"]))

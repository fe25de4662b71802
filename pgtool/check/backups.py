"""A base backup held against its manifest: what is missing, of another size, or changed.

WAL is not in a manifest, and files of a directory that recovery or a server has changed since
differ rightly: ask only while backup_label is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from formats.backup import BACKUP_MANIFEST, ManifestFile, parse_manifest
from pgtool.errors import PgtoolError
from pgtool.storage.backend import ReadOnly

__all__ = ["BACKUP_MANIFEST", "manifest_differences"]

CHUNK = 1 << 20
#: Differences that are named one by one.
MOST = 20


def manifest_differences(backend: ReadOnly) -> Iterator[str]:
    """Each difference in words; nothing where there is no manifest."""
    if not backend.exists(BACKUP_MANIFEST):
        return
    try:
        files = parse_manifest(backend.read(BACKUP_MANIFEST)).files
    except PgtoolError as error:
        yield str(error)
        return
    found = 0
    for file in files:
        problem = _difference(backend, file)
        if problem is None:
            continue
        found += 1
        if found <= MOST:
            yield f'"{file.path.decode("utf-8", "surrogateescape")}" {problem}'
    if found > MOST:
        yield f"{found - MOST} more files differ"


def _difference(backend: ReadOnly, file: ManifestFile) -> str | None:
    name = file.path.decode("utf-8", "surrogateescape")
    try:
        size = backend.size(name)
    except OSError:
        return "is missing"
    if size != file.size:
        return f"has {size} bytes instead of {file.size}"
    algorithm = file.checksum_algorithm
    if algorithm and file.checksum and _checksum(backend, name, size, algorithm) != file.checksum:
        return f"has another {algorithm} checksum"
    return None


def _checksum(backend: ReadOnly, name: str, size: int, algorithm: str) -> str:
    """The checksum of a file as a manifest writes it: hexadecimal, a CRC's lowest byte first."""
    if algorithm.upper() == "CRC32C":
        from crc32c import crc32c

        crc = 0
        for part in _parts(backend, name, size):
            crc = crc32c(part, crc)
        return crc.to_bytes(4, "little").hex()
    make: Callable[[str], Any] = hashlib.new
    digest = make(algorithm.lower())
    for part in _parts(backend, name, size):
        digest.update(part)
    return str(digest.hexdigest())


def _parts(backend: ReadOnly, name: str, size: int) -> Iterator[bytes]:
    for at in range(0, size, CHUNK):
        yield backend.read(name, at, CHUNK)

"""The committed fixtures: small files real servers wrote, and what the real tools say of them.

    for scenario in scenarios(major=18):
        for entry in scenario.entries("btree"):
            data = scenario.file(entry["path"])
        expected = scenario.expected("waldump.txt")

`fixtures/<major>/<scenario>/` holds `files.tar.xz` (paths of the data directory),
`expected.tar.xz`, `manifest.json` and the script's own text; `make fixtures` writes them anew.
"""

from __future__ import annotations

import functools
import io
import json
import lzma
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent / "fixtures"
FILES = "files.tar.xz"
EXPECTED = "expected.tar.xz"
MANIFEST = "manifest.json"
PAGE = 8192


@dataclass(frozen=True)
class Scenario:
    """One scenario of one major."""

    major: int
    name: str

    @property
    def path(self) -> Path:
        return ROOT / str(self.major) / self.name

    @property
    def manifest(self) -> dict[str, Any]:
        return _manifest(self.path)

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """What the manifest says of the files (of these kinds)."""
        return [e for e in self.manifest["files"] if not kinds or e["kind"] in kinds]

    def file(self, path: str) -> bytes:
        return read_tar(self.path / FILES)[path]

    def expected(self, name: str) -> bytes:
        return read_tar(self.path / EXPECTED)[name]

    def commands(self, command: str) -> list[dict[str, Any]]:
        """The recorded runs of a real tool: `name` is the expected output's."""
        return [e for e in self.manifest["expected"] if e["command"] == command]

    def inspected(self) -> list[dict[str, Any]]:
        """Every recorded answer of pageinspect, pg_visibility and pg_freespacemap."""
        if not self.commands("pageinspect"):
            return []
        return [json.loads(line) for line in self.expected("pageinspect.jsonl").splitlines()]

    def wal(self, tag: str = "") -> dict[str, bytes]:
        """Segment name → bytes, of one captured moment."""
        out = {}
        for entry in self.entries("wal"):
            name, _, moment = entry["path"].removeprefix("pg_wal/").partition("@")
            if moment == tag:
                out[name] = self.file(entry["path"])
        return out

    def wal_tags(self) -> list[str]:
        return sorted({e["path"].partition("@")[2] for e in self.entries("wal")})

    def unpack(self, directory: Path) -> Path:
        """Every file at its place below a directory (without the moments of a file)."""
        for name, data in read_tar(self.path / FILES).items():
            if "@" not in name:
                target = directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        return directory

    def __str__(self) -> str:
        return f"{self.major}-{self.name}"


@functools.lru_cache(maxsize=128)
def _manifest(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((path / MANIFEST).read_text())
    return loaded


@functools.lru_cache(maxsize=8)
def read_tar(path: Path) -> dict[str, bytes]:
    """All members of a compressed archive."""
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(path.read_bytes()))) as tar:
        out = {}
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                out[member.name] = content.read()
        return out


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    """The same members give the same bytes: no times, no owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(members, key=_alike):
            info = tarfile.TarInfo(name)
            info.size = len(members[name])
            tar.addfile(info, io.BytesIO(members[name]))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 2, "pb": 2}]
    path.write_bytes(lzma.compress(buffer.getvalue(), filters=filters))


def _alike(name: str) -> tuple[str, str]:
    """Files that resemble one another stand together."""
    return (name.rpartition("/")[0], name)


@functools.cache
def scenarios(major: int | None = None, name: str | None = None) -> tuple[Scenario, ...]:
    """The committed scenarios, in order."""
    found = [Scenario(int(p.parent.parent.name), p.parent.name)
             for p in sorted(ROOT.glob(f"*/*/{MANIFEST}"))]
    return tuple(s for s in found if major in (None, s.major) and name in (None, s.name))


def pages(data: bytes) -> list[bytes]:
    return [data[i:i + PAGE] for i in range(0, len(data), PAGE)]

"""A directory that crashes: counts writes and syncs, stops at any, and loses what was not synced.

Everything is done to the real files at once, so the process reads what it wrote; beside that
the backend remembers, for every sector written since its file's last sync, what it held
before and between. :meth:`CrashBackend.crash` then makes the files what a machine might find
after a power cut: of each such sector one of its versions, chosen by a seeded generator, of
each file one of its sizes; renames and removals whose directory was not synced may be undone.
A sync of a file makes its contents, size and name durable, a sync of a directory the names in it.

    backend = CrashBackend(root, stop=("sync", 17))
    instance = Instance.start(root, backend=backend)
    try: … except (Killed, Panic): pass
    instance.abandon()
    backend.crash(seed=1, mode="tear")
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field

from pgtool.storage.backend import Directory

SECTOR = 512
TRASH = ".crash-trash"


class Killed(BaseException):
    """The moment that was asked for has come; no handler of ordinary errors may catch it."""


@dataclass
class Unsynced:
    """What a file went through since it was last durable; ``existed``: it was there then."""

    existed: bool
    sizes: list[int]
    sectors: dict[int, list[bytes]] = field(default_factory=dict)


class CrashBackend(Directory):
    """See the module. ``stop`` is (kind, number): "write" or "sync", counted from 1."""

    def __init__(self, root: str, stop: tuple[str, int] | None = None) -> None:
        super().__init__(root)
        self.stop = stop
        self.counts: Counter[str] = Counter()
        self.log: list[tuple[str, str]] = []
        self._files: dict[str, Unsynced] = {}
        #: Undo of names: (directory, kind, path, the place where what had the name is kept).
        self._names: list[tuple[str, str, str, str | None]] = []
        self._kept = 0

    # -- counting -----------------------------------------------------------------------

    def _reach(self, kind: str, path: str) -> None:
        self.check()
        self.counts[kind] += 1
        self.log.append((kind, path))
        if self.stop == (kind, self.counts[kind]):
            self.failed = Killed(f"{kind} {self.counts[kind]} of {path}")
            raise self.failed

    # -- what can be lost ---------------------------------------------------------------

    def _file(self, path: str) -> Unsynced:
        found = self._files.get(path)
        if found is None:
            existed = os.path.exists(self.full(path))
            size = os.path.getsize(self.full(path)) if existed else 0
            found = self._files[path] = Unsynced(existed, [size])
        return found

    def write(self, path: str, offset: int, data: bytes | bytearray | memoryview) -> None:
        self._reach("write", path)
        state = self._file(path)
        first, last = offset // SECTOR, -(-(offset + len(data)) // SECTOR)
        before = self._sectors(path, first, last)
        super().write(path, offset, data)
        after = self._sectors(path, first, last)
        for number in range(first, last):
            versions = state.sectors.setdefault(number, [before[number - first]])
            versions.append(after[number - first])
        state.sizes.append(os.path.getsize(self.full(path)))

    def _sectors(self, path: str, first: int, last: int) -> list[bytes]:
        try:
            with open(self.full(path), "rb") as file:
                file.seek(first * SECTOR)
                data = file.read((last - first) * SECTOR)
        except FileNotFoundError:
            data = b""
        data = data.ljust((last - first) * SECTOR, b"\0")
        return [data[i : i + SECTOR] for i in range(0, len(data), SECTOR)]

    def extend(self, path: str, size: int) -> None:
        self._reach("write", path)
        state = self._file(path)
        super().extend(path, size)
        state.sizes.append(os.path.getsize(self.full(path)))

    def truncate(self, path: str, size: int) -> None:
        self._reach("write", path)
        state = self._file(path)
        old = os.path.getsize(self.full(path))
        if size < old:
            first, last = size // SECTOR, -(-old // SECTOR)
            before = self._sectors(path, first, last)
            super().truncate(path, size)
            for number in range(first, last):
                state.sectors.setdefault(number, [before[number - first]])
        state.sizes.append(size)

    def _create(self, path: str) -> None:
        self._file(path)
        super()._create(path)

    def sync(self, path: str) -> None:
        self._reach("sync", path)
        self.check()
        if os.path.isdir(self.full(path)):
            self._names = [entry for entry in self._names if entry[0] != path]
            for name, state in self._files.items():
                if os.path.dirname(name) == path:
                    state.existed = True
        else:
            self._files.pop(path, None)

    def unlink(self, path: str) -> None:
        self._reach("write", path)
        self._names.append((os.path.dirname(path), "unlink", path, self._keep(path)))
        self._files.pop(path, None)
        super().unlink(path)

    def rename(self, old: str, new: str) -> None:
        self._reach("write", new)
        kept = self._keep(new) if self.exists(new) else None
        super().rename(old, new)
        self._names.append((os.path.dirname(new), f"rename {old}", new, kept))
        state = self._files.pop(old, None)
        self._files.pop(new, None)
        if state is not None:
            self._files[new] = state

    def _keep(self, path: str) -> str:
        """A second name for a file whose name goes away."""
        os.makedirs(self.full(TRASH), exist_ok=True)
        self._kept += 1
        kept = f"{TRASH}/{self._kept}"
        os.link(self.full(path), self.full(kept))
        return kept

    # -- the crash ----------------------------------------------------------------------

    def crash(self, seed: int, mode: str = "tear") -> None:
        """Lose what was not synced: "keep" nothing is lost, "drop" all is, "tear" some."""
        self.failed = self.failed or Killed("crash")
        self.close()
        rng = random.Random(seed)
        for path, state in sorted(self._files.items()):
            if os.path.exists(self.full(path)) and mode != "keep":
                self._lose(path, state, rng, mode)
        for _, kind, path, kept in reversed(self._names):
            if mode == "keep" or (mode == "tear" and rng.random() < 0.5):
                break  # names change in order: what came before a kept change is kept
            self._undo(kind, path, kept)
        self._discard()

    def _lose(self, path: str, state: Unsynced, rng: random.Random, mode: str) -> None:
        full = self.full(path)
        if not state.existed and (mode == "drop" or rng.random() < 0.2):
            os.unlink(full)
            return
        size = state.sizes[0] if mode == "drop" else rng.choice(state.sizes)
        with open(full, "r+b") as file:
            for number, versions in state.sectors.items():
                chosen = versions[0] if mode == "drop" else rng.choice(versions)
                file.seek(number * SECTOR)
                file.write(chosen)
            file.truncate(size)

    def _undo(self, kind: str, path: str, kept: str | None) -> None:
        full = self.full(path)
        if kind.startswith("rename ") and os.path.exists(full):
            os.rename(full, self.full(kind.removeprefix("rename ")))
        if kept is not None and not os.path.exists(full):
            os.rename(self.full(kept), full)

    def _discard(self) -> None:
        trash = self.full(TRASH)
        if os.path.isdir(trash):
            for name in os.listdir(trash):
                os.unlink(os.path.join(trash, name))
            os.rmdir(trash)

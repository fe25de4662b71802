"""Unlogged relations: emptied before redo, made anew from their init forks after it.

After a crash nobody knows what their files hold. A relation with an init fork loses all
other forks; at the end the init fork becomes the main fork.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from formats.version import CATALOG_VERSION_NO
from pgtool.storage.backend import WritableBackend

_INIT = re.compile(r"(\d+)_init(\.\d+)?")
_OTHER = re.compile(r"(\d+)(?:_(?:fsm|vm))?(?:\.\d+)?")
_DATABASE = re.compile(r"\d+")


def database_directories(backend: WritableBackend, major: int) -> Iterator[str]:
    """The directory of every database in every tablespace."""
    roots = ["base"]
    version = f"PG_{major}_{CATALOG_VERSION_NO[major]}"
    if backend.exists("pg_tblspc"):
        roots += [
            f"pg_tblspc/{name}/{version}" for name in backend.list("pg_tblspc")
            if _DATABASE.fullmatch(name)
        ]  # fmt: skip
    for root in roots:
        if not backend.exists(root):
            continue
        for name in backend.list(root):
            if _DATABASE.fullmatch(name):
                yield f"{root}/{name}"


def _init_forks(backend: WritableBackend, directory: str) -> set[str]:
    return {m[1] for name in backend.list(directory) if (m := _INIT.fullmatch(name))}


def clean_up(backend: WritableBackend, major: int) -> int:
    """Remove all but the init forks; how many files went."""
    gone = 0
    for directory in database_directories(backend, major):
        unlogged = _init_forks(backend, directory)
        if not unlogged:
            continue
        for name in backend.list(directory):
            found = _OTHER.fullmatch(name)
            if found and found[1] in unlogged:
                backend.unlink(f"{directory}/{name}")
                gone += 1
    return gone


def make_anew(backend: WritableBackend, major: int) -> list[str]:
    """Copy init forks to main forks; the paths of what was written."""
    made = []
    for directory in database_directories(backend, major):
        for name in backend.list(directory):
            found = _INIT.fullmatch(name)
            if found:
                target = f"{directory}/{found[1]}{found[2] or ''}"
                backend.copy(f"{directory}/{name}", target)
                made += [target, directory]
    return made

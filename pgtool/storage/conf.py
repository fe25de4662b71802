"""Configuration files of a data directory: name = value, with includes."""

from __future__ import annotations

import os
import re

from pgtool.storage.backend import Backend

MAX_INCLUDES = 100
_LINE = re.compile(r"\s*([A-Za-z_][\w.]*)\s*=?\s*('(?:[^'\\]|''|\\.)*'|[^\s#']+)")


def read_conf(backend: Backend, path: str, found: dict[str, str], depth: int = 0) -> None:
    """Take the settings of one configuration file; a missing file has none."""
    if depth > 10 or len(found) > 10000:
        return
    try:
        text = backend.read(path, 0, 1 << 22).decode("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        match = _LINE.match(line)
        if not match:
            continue
        name, value = match[1].lower(), match[2]
        if value.startswith("'"):
            value = re.sub(r"''|\\(.)", lambda m: m[1] or "'", value[1:-1])
        if name in ("include", "include_if_exists"):
            read_conf(backend, _beside(path, value), found, depth + 1)
        elif name == "include_dir":
            _read_directory(backend, _beside(path, value), found, depth + 1)
        else:
            found[name] = value


def _beside(path: str, value: str) -> str:
    return value if os.path.isabs(value) else os.path.join(os.path.dirname(path), value)


def _read_directory(backend: Backend, path: str, found: dict[str, str], depth: int) -> None:
    try:
        names = backend.list(path)
    except OSError:
        return
    for name in names[:MAX_INCLUDES]:
        if name.endswith(".conf") and not name.startswith("."):
            read_conf(backend, os.path.join(path, name), found, depth)


def configured(backend: Backend) -> dict[str, str]:
    """What postgresql.conf and postgresql.auto.conf set, the last one of a name."""
    found: dict[str, str] = {}
    read_conf(backend, "postgresql.conf", found)
    read_conf(backend, "postgresql.auto.conf", found)
    return found

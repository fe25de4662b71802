"""The time zone of this machine, by the name that the time zone database gives it."""

from __future__ import annotations

import os

ZONEINFO = "/usr/share/zoneinfo"
_LINK, _TEXT = "/etc/localtime", "/etc/timezone"


def known(name: str) -> bool:
    """Whether a zone of that name exists."""
    if not name or name.startswith(("/", ".")) or ".." in name:
        return False
    if name in ("UTC", "GMT"):
        return True
    return os.path.isfile(os.path.join(ZONEINFO, name))


def system_timezone() -> str:
    """TZ, else where /etc/localtime points, else /etc/timezone, else GMT."""
    candidates = [os.environ.get("TZ", "").lstrip(":")]
    try:
        _, found, name = os.path.realpath(_LINK).partition("/zoneinfo/")
        candidates.append(name if found else "")
    except OSError:
        candidates.append("")
    try:
        with open(_TEXT, encoding="ascii", errors="replace") as file:
            candidates.append(file.readline().strip())
    except OSError:
        candidates.append("")
    return next((name for name in candidates if known(name)), "GMT")

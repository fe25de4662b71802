"""Files for the user, whole or not at all: written beside their name, renamed when complete.

What stands under the name may be something that must never be replaced by a file: a device
such as /dev/null, a pipe, a terminal. Such a target is written to directly. A symbolic link
stays, and what it points to is replaced.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["is_replaceable", "written_aside"]

SUFFIX = ".part"


def is_replaceable(path: str) -> bool:
    """Whether a file may take this name: nothing, or a regular file, stands there."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return True


@contextlib.contextmanager
def written_aside(path: str) -> Iterator[BinaryIO]:
    """A file that takes the name ``path`` if the block ends without an error."""
    if not is_replaceable(path):
        with open(path, "wb") as buffered:  # a pipe may take less than it is given
            yield buffered
        return
    path = os.path.realpath(path)
    aside = path + SUFFIX
    try:
        with open(aside, "wb", buffering=0) as out:
            yield out
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        raise
    os.replace(aside, path)

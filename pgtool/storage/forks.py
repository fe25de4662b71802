"""Work shared with forked processes: what they need they have by the fork, nothing comes back.

:func:`share` is for the kind of work that only leaves something on disk. A child sees memory as
it was at the fork, and what it changes in memory is lost with it: its parent must not rely
on it. Errors of the project's own come back to the parent, which raises the first.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeVar

from pgtool.errors import CorruptData, PgtoolError

__all__ = ["share"]

_T = TypeVar("_T")


def share(work: Sequence[_T], do: Callable[[_T], object], jobs: int) -> None:
    """Do each piece of ``work`` in one of ``jobs`` processes, this one among them.

    Every ``jobs``-th piece goes to the same process, in order. When this returns all is done;
    when it raises the children have ended all the same.
    """
    jobs = min(jobs, len(work))
    children: list[tuple[int, BinaryIO]] = []
    try:
        for number in range(1, jobs):
            children.append(_start(work[number::jobs], do))
        for piece in work[0 : len(work) : max(jobs, 1)]:
            do(piece)
    except BaseException:
        for pid, pipe in children:
            os.kill(pid, signal.SIGKILL)
            pipe.close()
            os.waitpid(pid, 0)
        raise
    errors = [error for error in map(_end, children) if error is not None]
    if errors:
        raise errors[0]


def _start(work: Sequence[_T], do: Callable[[_T], object]) -> tuple[int, BinaryIO]:
    """Fork a child that does ``work``; its number, and where it tells what went wrong."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, os.fdopen(reading, "rb")
    code = 1
    try:  # whatever happens, nothing of the parent's clean-up may run here
        os.close(reading)
        try:
            for piece in work:
                do(piece)
            code = 0
        except BaseException as error:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(_packed(error))
    finally:
        os._exit(code)


def _packed(error: BaseException) -> bytes:
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:  # an error whose constructor wants more than its arguments
        kind = CorruptData if isinstance(error, CorruptData) else PgtoolError
        data = pickle.dumps(kind(str(error)))
    return data


def _end(child: tuple[int, BinaryIO]) -> BaseException | None:
    """Wait for a child; its error, if it had one."""
    pid, pipe = child
    with pipe:
        said = pipe.read()
    status = os.waitpid(pid, 0)[1]
    if status == 0:
        return None
    if not said:
        return PgtoolError(f"a process that helped ended early (wait status {status})")
    error: BaseException = pickle.loads(said)
    return error

"""Reading ahead: the next run of pages is read and checked while this one is computed on.

numpy and the system calls let go of the interpreter lock, so one helper thread hides most
of the time that reading, checksums and visibility take.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

__all__ = ["ahead"]

T = TypeVar("T")
_DEPTH = 2
_END = object()


def ahead(source: Iterator[T]) -> Iterator[T]:
    """The items of ``source``, produced by a thread that stays a little ahead."""
    waiting: queue.Queue[Any] = queue.Queue(_DEPTH)
    stop = threading.Event()

    def put(item: Any) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in source:
                if not put((item, None)):
                    return
            put((_END, None))
        except BaseException as problem:
            put((_END, problem))

    thread = threading.Thread(target=produce, daemon=True, name="read ahead")
    thread.start()
    try:
        while True:
            item, problem = waiting.get()
            if problem is not None:
                raise problem
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        thread.join()

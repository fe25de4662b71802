"""Signals wait while files are being changed.

A signal handler that raises would otherwise do so between any two steps, and an error in the
middle of a change is a panic. Handlers hand what they would do to :meth:`Interrupts.signal`;
it is done at once, or, while :data:`INTERRUPTS` is held, when the outermost section ends.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Action = Callable[[], None]


class Interrupts:
    """How many sections hold signals off, and what waits for their end."""

    def __init__(self) -> None:
        self.depth = 0
        self.pending: Action | None = None
        self._before: dict[int, Any] = {}

    def signal(self, action: Action) -> None:
        """Do what a signal asks for, now or as soon as nobody holds it off."""
        if self.depth:
            self.pending = action
        else:
            action()

    def deliver(self) -> None:
        """A section has ended."""
        action = self.pending
        if action is not None and not self.depth:
            self.pending = None
            action()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Signals wait until the end of the ``with`` block."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
        self.deliver()

    def install(self) -> None:
        """Take over signals that the program has left to their defaults, in its main thread."""
        if threading.current_thread() is not threading.main_thread() or self._before:
            return
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._terminate)

    def restore(self) -> None:
        """Give the signals back."""
        if threading.current_thread() is not threading.main_thread():
            return
        ours = {signal.SIGINT: self._interrupt, signal.SIGTERM: self._terminate}
        for number, handler in self._before.items():
            if signal.getsignal(number) == ours[signal.Signals(number)]:
                signal.signal(number, handler)
        self._before.clear()

    def _interrupt(self, _number: int, _frame: Any) -> None:
        self.signal(_raise_interrupt)

    def _terminate(self, number: int, _frame: Any) -> None:
        self.signal(lambda: _raise_exit(number))


def _raise_interrupt() -> None:
    raise KeyboardInterrupt


def _raise_exit(number: int) -> None:
    raise SystemExit(128 + number)


INTERRUPTS = Interrupts()

"""Options about a moment of recovery, shared by ``recover`` and the commands that read.

``--as-of-…`` on a reading command and ``--target-…`` of ``recover`` mean the same moments;
:func:`as_of_options` gives a command the former and opens every directory accordingly while
the command runs.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from formats.errors import UserError
from formats.units import Lsn

if TYPE_CHECKING:
    from pgtool.transam.recovery.driver import Progress
    from pgtool.transam.recovery.targets import Target

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
#: A progress line is worth it after so long.
QUIET_SECONDS = 2.0


def parse_lsn(text: str) -> int:
    """A WAL position."""
    try:
        return int(Lsn.parse(text))
    except ValueError:
        raise UserError(f'invalid WAL position "{text}": use two hexadecimal numbers, as in 16/B374D848') from None  # noqa: E501


def parse_time(text: str) -> int:
    """A moment in microseconds since 2000, as timestamptz reads it; the time zone is TZ's."""
    from pgtool.errors import SqlError
    from pgtool.types.dates_in import parse_timestamp
    from pgtool.types.info import Settings

    try:
        return parse_timestamp(text, Settings(), -1, with_zone=True)
    except SqlError as error:
        raise UserError(str(error)) from None


def make_target(
    *, lsn: str | None = None, moment: str | None = None, xid: str | None = None,
    name: str | None = None, immediate: bool = False, inclusive: bool = True,
) -> Target:  # fmt: skip
    """The one target that was given, or the end of WAL."""
    from pgtool.transam.recovery.targets import Kind, Target

    given: list[Target] = []
    if lsn is not None:
        given.append(Target(Kind.LSN, parse_lsn(lsn), inclusive))
    if moment is not None:
        given.append(Target(Kind.TIME, parse_time(moment), inclusive))
    if xid is not None:
        if not xid.isdigit():
            raise UserError(f'invalid transaction "{xid}"')
        given.append(Target(Kind.XID, int(xid) & 0xFFFFFFFF, inclusive))
    if name is not None:
        if len(name.encode()) >= 64:
            raise UserError("a restore point's name has at most 63 bytes")
        given.append(Target(Kind.NAME, name))
    if immediate:
        given.append(Target(Kind.IMMEDIATE))
    if len(given) > 1:
        raise UserError("multiple recovery targets specified: at most one may be given")
    return given[0] if given else Target()


class ProgressLine:
    """LSN and rate on a terminal's last line, once the work takes long."""

    def __init__(self, quiet: bool = False) -> None:
        self.on = not quiet and sys.stderr.isatty()
        self.begin = self.shown = time.monotonic()
        self.written = False

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if not self.on or now - self.begin < QUIET_SECONDS or now - self.shown < 0.25:
            return
        self.shown, self.written = now, True
        rate = progress.records / max(progress.seconds, 0.001)
        sys.stderr.write(
            f"\rreplayed to {progress.lsn}, {progress.records} records, {rate:,.0f}/s   "
        )
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line behind."""
        if self.written:
            sys.stderr.write("\n")


_OPTIONS = (
    click.option("--as-of-lsn", metavar="LSN",
                 help="Read a backup as it was at this WAL position."),
    click.option("--as-of-time", metavar="TIME", help="… as it was at this moment."),
    click.option("--as-of-xid", metavar="XID", help="… right after this transaction ended."),
    click.option("--wal", "wal_dirs", multiple=True, metavar="DIR",
                 help="Look for WAL in this archive too. Repeatable."),
)  # fmt: skip


def as_of_options() -> Decorator:
    """``--as-of-lsn``, ``--as-of-time``, ``--as-of-xid``, ``--wal`` of a reading command."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(
            as_of_lsn: str | None, as_of_time: str | None, as_of_xid: str | None,
            wal_dirs: tuple[str, ...], **rest: Any,
        ) -> Any:  # fmt: skip
            from pgtool.transam.recovery.opening import Wish, wishing

            target = make_target(lsn=as_of_lsn, moment=as_of_time, xid=as_of_xid)
            line = ProgressLine(bool(rest.get("quiet")))
            with wishing(Wish(target, wal_dirs, report=line)):
                return function(**rest)

        out: Callable[..., Any] = call
        for option in reversed(_OPTIONS):
            out = option(out)
        return out

    return decorate

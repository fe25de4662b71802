"""The errors that every layer shares, declared at the bottom so that all may raise them.

Three kinds, three meanings for the user:

* :class:`CorruptData`: the bytes contradict the format. Exit code 2.
* :class:`Unsupported`: the bytes may be fine, pgtool does not know this thing. Exit code 1.
* :class:`UserError`: the request cannot be served (no such file, wrong option). Exit code 1.
  :class:`ClusterInUse` is one of them with an exit code of its own, 3: for scripts that then
  come again later.
"""

from __future__ import annotations

__all__ = ["ClusterInUse", "CorruptData", "PgtoolError", "Unsupported", "UserError"]


class PgtoolError(Exception):
    """Base of every error that pgtool raises on purpose; ``str()`` is one clear line."""

    exit_code = 1


class UserError(PgtoolError):
    """The request itself cannot be served."""


class ClusterInUse(UserError):
    """A server, or another pgtool that writes, has the data directory open."""

    exit_code = 3


class Unsupported(PgtoolError):
    """A feature, record type, version or clause that pgtool does not implement, by name."""


class CorruptData(PgtoolError):
    """Bytes that contradict the format, with the place where they lie.

    ``file`` is a path (usually relative to the data directory), ``block`` a block
    number, ``offset`` a byte offset (in the block where there is one, else in the file),
    ``field`` the declared name of the field. Each may be None where it is not known yet;
    :meth:`at` fills in what an outer layer knows.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        block: int | None = None,
        offset: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.block = block
        self.offset = offset
        self.field = field

    def at(
        self,
        *,
        file: str | None = None,
        block: int | None = None,
        offset: int | None = None,
        field: str | None = None,
    ) -> CorruptData:
        """Fill in the parts of the place that are still unknown and return self."""
        self.file = self.file if self.file is not None else file
        self.block = self.block if self.block is not None else block
        self.offset = self.offset if self.offset is not None else offset
        self.field = self.field if self.field is not None else field
        return self

    def __str__(self) -> str:
        place = [
            f"{name} {value}"
            for name, value in (
                ("file", f'"{self.file}"' if self.file is not None else None),
                ("block", self.block),
                ("offset", self.offset),
                ("field", self.field),
            )
            if value is not None
        ]
        return f"{self.message} ({', '.join(place)})" if place else self.message


class SuspectedLoss(CorruptData):
    """Bytes that are legal but look like damage: nothing proves that anything was lost.

    Readers hand it out like any :class:`CorruptData`; whoever ends a reading at the first
    damage goes on past this one, and says it.
    """


class DamageWarning(UserWarning):
    """A :class:`SuspectedLoss` where nobody asked to be told of damage."""

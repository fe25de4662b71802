"""Which records are shown: by manager, transaction, relation, block, fork, page image."""

from __future__ import annotations

from dataclasses import dataclass

from formats.wal.record import DecodedRecord


@dataclass(frozen=True)
class Filter:
    """Every condition that is not None must hold; those on blocks hold for one same block."""

    rmids: frozenset[int] | None = None
    xid: int | None = None
    relation: tuple[int, int, int] | None = None
    block: int | None = None
    fork: int | None = None
    fullpage: bool = False

    @property
    def on_blocks(self) -> bool:
        """Whether a block reference must match."""
        return self.relation is not None or self.block is not None or self.fork is not None

    def matches(self, rec: DecodedRecord) -> bool:
        """Whether the record is to be shown."""
        if self.rmids is not None and rec.rmid not in self.rmids:
            return False
        if self.xid is not None and rec.xid != self.xid:
            return False
        if self.on_blocks and not any(
            (self.fork is None or ref.fork == self.fork)
            and (self.relation is None or (ref.spc, ref.db, ref.rel) == self.relation)
            and (self.block is None or ref.block == self.block)
            for ref in rec.blocks
        ):
            return False
        return not self.fullpage or any(ref.image is not None for ref in rec.blocks)

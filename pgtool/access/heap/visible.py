"""The snapshot of a directory at rest, applied to a chunk's tuples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from formats.units import BLCKSZ
from pgtool.access.damage import Damage
from pgtool.access.heap.page import Tuples
from pgtool.errors import CorruptData, SuspectedLoss
from pgtool.transam.visibility import Headers, Visibility


class AtRest:
    """Implements the scan's ``Sees``: tuples on all-visible pages need no look.

    Tuples whose fate is unknown (their transaction's status cannot be read) are reported
    and left out, or, with ``keep_doubtful``, reported and kept: without its catalogs nothing
    of a damaged cluster could be found.
    """

    def __init__(self, rules: Visibility, *, keep_doubtful: bool = False) -> None:
        self.rules = rules
        self.keep_doubtful = keep_doubtful

    def __call__(self, tuples: Tuples, damage: Damage) -> Tuples:
        """The visible ones."""
        if tuples.all_visible.all():
            return tuples
        unsure = ~tuples.all_visible[tuples.page]
        if not unsure.any():
            return tuples
        rows = np.flatnonzero(unsure)
        part = tuples if len(rows) == len(tuples) else tuples.take(rows)

        doubtful: list[int] = []

        def unknown(which: npt.NDArray[np.int64], xid: int, problem: CorruptData) -> None:
            suspected = isinstance(problem, SuspectedLoss)
            kind = SuspectedLoss if suspected else CorruptData
            if not suspected:
                doubtful.extend(which.tolist())
            for row in which.tolist():
                damage(
                    kind(
                        f"tuple {int(part.offnum[row])}: {problem}", file=part.path,
                        block=part.block_of(row), offset=int(part.start[row]) % BLCKSZ,
                        field="t_xmin" if int(xmin[row]) == xid else "t_xmax",
                    )
                )  # fmt: skip

        xmin: Any = part.u32("t_xmin")
        headers = Headers(part.infomask, xmin, part.u32("t_xmax"), part.u32("t_field3"))
        seen = self.rules.visible(headers, unknown)
        if self.keep_doubtful:
            seen[doubtful] = True
        if seen.all():
            return tuples
        keep = ~unsure
        keep[rows] = seen
        return tuples.take(keep)

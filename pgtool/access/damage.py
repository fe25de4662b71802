"""What to do about damage: stop at the first, or note it and go on.

Every reader below export takes a :data:`Damage`: a function that is handed each
:class:`CorruptData` with its place. :func:`strict` raises it; a salvage collects it, and
the reader then leaves out exactly what it reported. A :class:`SuspectedLoss` ends nothing:
all that can be read was read.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

from pgtool.errors import CorruptData, DamageWarning, SuspectedLoss
from pgtool.storage.smgr import RelationFile

Damage = Callable[[CorruptData], None]


def strict(problem: CorruptData) -> None:
    """The default: the first damage ends the reading; what is only suspected is a warning."""
    if not isinstance(problem, SuspectedLoss):
        raise problem
    warnings.warn(str(problem), DamageWarning, stacklevel=2)


def accept_gaps(file: RelationFile, damage: Damage) -> None:
    """Let what is missing of a relation's files be told, instead of ending the reading."""
    if damage is not strict:
        for problem in file.tolerate():
            damage(problem)

"""CHECKPOINT: everything up to now on disk, so that recovery would begin here."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.sql.answer import Outcome

__all__ = ["checkpoint"]


def checkpoint(engine: Any, _raw: Any, _text: str) -> Outcome:
    """Run a CheckPointStmt."""
    if not engine.session.is_superuser:
        raise SqlError(
            "permission denied to execute CHECKPOINT command", "42501",
            'Only roles with privileges of the "pg_checkpoint" role may execute this command.',
        )  # fmt: skip
    engine.session.database.cluster.instance.checkpoint()
    return Outcome("CHECKPOINT")

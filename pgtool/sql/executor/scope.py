"""What an expression is compiled against: where its Vars are, and what functions there are.

A :class:`Scope` says at which column of the batch (or of the row) a Var is found; an
:class:`Env` is what a whole plan shares: session, codecs, operators, subplans.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.errors import Unsupported
from pgtool.functions.codec import Codec, codec_of
from pgtool.functions.opcache import OpCache, opcache
from pgtool.nodes.plan import INDEX_VAR, INNER_VAR, OUTER_VAR

__all__ = ["Env", "Scope"]


class Scope:
    """Positions of Vars: ``(varno, varattno)`` → column."""

    def __init__(self, places: dict[tuple[int, int], int] | None = None) -> None:
        self.places = places or {}

    def position(self, var: Any) -> int:
        """The column of a Var."""
        try:
            return self.places[var.varno, var.varattno]
        except KeyError:
            raise Unsupported(
                f"reference to column {var.varattno} of {_KINDS.get(var.varno, var.varno)}"
            ) from None

    @classmethod
    def of(cls, outer: int, inner: int = 0) -> Scope:
        """The outputs of the left and right inputs, side by side."""
        places = {(OUTER_VAR, i + 1): i for i in range(outer)}
        places.update({(INNER_VAR, i + 1): outer + i for i in range(inner)})
        return cls(places)


_KINDS = {OUTER_VAR: "the outer input", INNER_VAR: "the inner input", INDEX_VAR: "the index"}


class Env:
    """What compiling one plan needs."""

    def __init__(self, session: Any, planned: Any = None) -> None:
        self.session = session
        self.registry = session.types
        self.planned = planned
        self.ops: OpCache = opcache(session)
        self.subplan: Callable[[int], Any] = self._no_subplans
        self.cells: list[list[Any]] = []

    def _no_subplans(self, number: int) -> Any:
        raise Unsupported(f"subplan {number} outside a plan")

    def codec(self, typid: int) -> Codec:
        """The codec of a type."""
        return codec_of(self.registry, typid)

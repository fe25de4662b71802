"""The types of expression nodes, under the name that analysis knows them by.

The facts stand one layer below (:mod:`pgtool.functions.nodetypes`), where deparsing needs
them too.
"""

from __future__ import annotations

from pgtool.functions.nodetypes import (
    DEFAULT_NAME_COLLATION,
    expr_collation,
    expr_location,
    expr_type,
    expr_typmod,
    first_column,
    length_coercion_typmod,
)

__all__ = [
    "DEFAULT_NAME_COLLATION", "expr_collation", "expr_location", "expr_type", "expr_typmod",
    "first_column", "length_coercion_typmod",
]  # fmt: skip

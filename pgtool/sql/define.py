"""What the value of an option says: ``name [value]`` in the WITH and option lists of commands.

The parser leaves a DefElem with a value node; whoever knows the option asks here for the
value as text or as yes or no.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError

__all__ = ["constant_text", "definition_text", "definition_truth"]

_TRUTH = {"true": True, "on": True, "false": False, "off": False}


def constant_text(value: Any) -> str | None:
    """A constant of the parse tree as text; None for what is none."""
    kind = type(value).__name__
    if kind == "ValueInteger":
        return str(value.ival)
    if kind == "ValueFloat":
        return str(value.fval)
    if kind == "ValueBoolean":
        return "true" if value.boolval else "false"
    if kind == "ValueString":
        return str(value.sval)
    return None


def definition_text(node: Any) -> str:
    """The value of a DefElem as text."""
    value = node.arg
    kind = type(value).__name__
    if value is None:
        return "true"
    constant = constant_text(value)
    if constant is not None:
        return constant
    if kind == "TypeName":
        return ".".join(part.sval for part in value.names)
    if kind == "A_Star":
        return "*"
    if isinstance(value, list):
        return ".".join(part.sval for part in value)
    raise SqlError(f"{node.defname} requires a parameter", "42601")


def definition_truth(node: Any) -> bool | None:
    """What a DefElem says yes or no to, yes without a value; None where it says neither."""
    if node.arg is None:
        return True
    if type(node.arg).__name__ == "ValueInteger":
        return {0: False, 1: True}.get(node.arg.ival)
    return _TRUTH.get(definition_text(node).lower())

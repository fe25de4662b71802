"""The errors of :mod:`formats.errors` under the name that the layers above use."""

from formats.errors import CorruptData, PgtoolError, Unsupported, UserError

__all__ = ["CorruptData", "PgtoolError", "Unsupported", "UserError"]

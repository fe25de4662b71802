"""The shape of every type's implementation.

A stored datum is ``bytes``: a varlena's payload without header and already detoasted, a
fixed-length type's typlen bytes, a cstring without its zero byte. Four directions:

* :meth:`TypeIO.text` / :meth:`TypeIO.output`: stored → text (database encoding / str);
* :meth:`TypeIO.send`: stored → the wire form of COPY BINARY;
* :meth:`TypeIO.input`: text → stored, with the type modifier applied;
* :meth:`TypeIO.receive`: wire → stored.

and :meth:`TypeIO.to_python`. Subclasses implement the underscored methods and may assume
nothing about the bytes: whatever a decoder trips over leaves here as CorruptData. Input
that the server would refuse is a SqlError with its wording.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from construct import ConstructError

from pgtool.errors import CorruptData, SqlError, Unsupported
from pgtool.types.info import Settings, TypeInfo

if TYPE_CHECKING:
    from pgtool.types.registry import TypeRegistry

__all__ = ["AsciiIO", "FixedIO", "TypeIO", "bad_input", "out_of_range"]

#: What decoding of damaged bytes can trip over.
_DAMAGE = (
    struct.error, IndexError, ValueError, KeyError, OverflowError, RecursionError, MemoryError,
    ConstructError, TypeError, ZeroDivisionError,
)  # fmt: skip

INVALID_TEXT_REPRESENTATION = "22P02"
INVALID_BINARY_REPRESENTATION = "22P03"
NUMERIC_VALUE_OUT_OF_RANGE = "22003"


def bad_input(type_name: str, text: str) -> SqlError:
    """The error for text that the type cannot be read from."""
    return SqlError(
        f'invalid input syntax for type {type_name}: "{text}"', INVALID_TEXT_REPRESENTATION
    )


def out_of_range(type_name: str, text: str) -> SqlError:
    """The error for a well-formed number that the type has no room for."""
    return SqlError(
        f'value "{text}" is out of range for type {type_name}', NUMERIC_VALUE_OUT_OF_RANGE
    )


class TypeIO:
    """One type, bound to the registry that knows settings and the other types."""

    #: The name that input errors use; the type's own name where empty.
    sql_name = ""

    def __init__(self, info: TypeInfo, registry: TypeRegistry) -> None:
        self.info = info
        self.registry = registry
        self.sql_name = self.sql_name or info.name

    @property
    def settings(self) -> Settings:
        """The session's settings."""
        return self.registry.settings

    def text(self, datum: bytes) -> bytes:
        """The text form in the database's encoding, as COPY writes it before escaping."""
        return self._guard(self._text, datum)

    def output(self, datum: bytes) -> str:
        """The text form as str."""
        return self.settings.encoding.decode(self._guard(self._text, datum))

    def send(self, datum: bytes) -> bytes:
        """The binary wire form, as COPY BINARY writes it after the length."""
        return self._guard(self._send, datum)

    def to_python(self, datum: bytes) -> Any:
        """A natural Python value; the text form where there is none."""
        return self._guard(self._python, datum)

    def input(self, text: str | bytes, typmod: int = -1) -> bytes:
        """Text form → stored form. SqlError where the server would refuse it."""
        raw = self.settings.encoding.encode(text) if isinstance(text, str) else text
        try:
            return self._input(raw, typmod)
        except (OverflowError, RecursionError):
            raise self.bad_input(raw) from None

    def null_input(self) -> bytes | None:
        """NULL where a value of the type is read: a domain may refuse it."""
        return None

    def receive(self, wire: bytes, typmod: int = -1) -> bytes:
        """Wire form → stored form. SqlError where the server would refuse it."""
        try:
            return self._receive(wire, typmod)
        except _DAMAGE:
            raise self.bad_wire() from None

    def _guard(self, decode: Callable[[bytes], Any], datum: bytes) -> Any:
        typlen = self.info.typlen
        if typlen > 0 and len(datum) != typlen:
            raise CorruptData(f"{self.info.name} of {len(datum)} bytes, expected {typlen}")
        try:
            return decode(datum)
        except _DAMAGE as error:
            raise CorruptData(f"invalid {self.info.name} value: {error}") from None

    def bad_input(self, text: bytes | str) -> SqlError:
        """The "invalid input syntax" error for this type."""
        if isinstance(text, bytes):
            text = self.settings.encoding.decode(text)
        return bad_input(self.sql_name, text)

    def bad_wire(self) -> SqlError:
        """The error for a wire form that is malformed."""
        return SqlError(
            f"invalid binary format for type {self.sql_name}", INVALID_BINARY_REPRESENTATION
        )

    def no_function(self, direction: str) -> SqlError:
        """The error for a binary form that the type does not have on a server either."""
        return SqlError(
            f"no binary {direction} function available for type {self.info.name}", "42883"
        )

    @property
    def sends(self) -> bool:
        """Whether the type has a binary form at all."""
        return type(self)._send is not TypeIO._send

    def unsupported(self, what: str) -> NoReturn:
        """A direction that this type does not have."""
        raise Unsupported(f"{what} of type {self.info.name}")

    def _text(self, datum: bytes) -> bytes:
        raise NotImplementedError

    def _send(self, datum: bytes) -> bytes:
        raise self.no_function("output")

    def _input(self, text: bytes, typmod: int) -> bytes:
        self.unsupported("text input")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        raise self.no_function("input")

    def _python(self, datum: bytes) -> Any:
        return self.settings.encoding.decode(self._text(datum))


class AsciiIO(TypeIO):
    """A type whose text form is always ASCII: subclasses give str and take str."""

    def output(self, datum: bytes) -> str:
        """The text form as str."""
        return str(self._guard(self._ascii, datum))

    def _text(self, datum: bytes) -> bytes:
        return self._ascii(datum).encode("ascii")

    def _ascii(self, datum: bytes) -> str:
        raise NotImplementedError

    def _input(self, text: bytes, typmod: int) -> bytes:
        return self._parse(self.settings.encoding.decode(text), typmod)

    def _parse(self, text: str, typmod: int) -> bytes:
        self.unsupported("text input")


class FixedIO(AsciiIO):
    """A fixed-length type whose wire form is its fields in order, each big-endian.

    ``wire`` are the widths of the fields; the same byte order reversal serves both ways.
    """

    wire: tuple[int, ...] = ()

    def __init__(self, info: TypeInfo, registry: TypeRegistry) -> None:
        super().__init__(info, registry)
        self.wire_order = _reversal(self.wire)

    def _send(self, datum: bytes) -> bytes:
        if len(self.wire) == 1:
            return datum[::-1]
        return bytes([datum[i] for i in self.wire_order])

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        if len(wire) != len(self.wire_order):
            raise self.bad_wire()
        datum = bytes([wire[i] for i in self.wire_order])
        self._check(datum, typmod)
        return datum

    def _check(self, datum: bytes, typmod: int) -> None:
        """Refuse a received value that the type does not allow."""


def _reversal(widths: tuple[int, ...]) -> tuple[int, ...]:
    order: list[int] = []
    for width in widths:
        order += range(len(order) + width - 1, len(order) - 1, -1)
    return tuple(order)

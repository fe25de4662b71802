"""OID aliases: values that are OIDs and print as the name of what they point to.

A name is qualified where the search path would not find the object under the bare one.
An OID without an object prints as its number, zero as ``-`` (operators: ``0``).
"""

from __future__ import annotations

import re

from pgtool.errors import SqlError
from pgtool.types.info import ObjectName
from pgtool.types.names import format_name, quote_identifier, split_names
from pgtool.types.numbers import OidIO

__all__ = [
    "RegClass", "RegCollation", "RegConfig", "RegDictionary", "RegNamespace", "RegOper",
    "RegOperator", "RegProc", "RegProcedure", "RegRole", "RegType",
]  # fmt: skip


class _RegIO(OidIO):
    """An alias type. ``kind`` is the name it has in :class:`~pgtool.types.info.Lookups`."""

    zero = "-"
    #: (what the error calls the object, SQLSTATE) where a name is not found.
    missing = ("relation", "42P01")

    def output(self, datum: bytes) -> str:
        """The text form as str; names need not be ASCII."""
        return self.settings.encoding.decode(self.text(datum))

    def _text(self, datum: bytes) -> bytes:
        return self.settings.encoding.encode(self._ascii(datum))

    def _ascii(self, datum: bytes) -> str:
        oid = int.from_bytes(datum, "little")
        if not oid:
            return self.zero
        found = self.registry.lookups.object_name(self.info.name, oid)
        return str(oid) if found is None else self._format(found)

    def _format(self, found: ObjectName) -> str:
        namespace = found.namespace if found.qualified else None
        return format_name(namespace, found.name, self.settings.major)

    def _parse(self, text: str, typmod: int) -> bytes:
        if text == self.zero or text == "-":
            return bytes(4)
        if re.fullmatch("[0-9]+", text):
            return super()._parse(text, typmod)
        return self._named(text).to_bytes(4, "little")

    def _named(self, text: str) -> int:
        return self._look_up(text, split_names(text), None)

    def _look_up(self, text: str, names: tuple[str, ...], args: tuple[int, ...] | None) -> int:
        oid = self.registry.lookups.object_oid(self.info.name, names, args)
        if oid is None:
            what, sqlstate = self.missing
            raise SqlError(f'{what} "{text}" does not exist', sqlstate)
        return oid


class RegClass(_RegIO):
    """``regclass``."""


class RegCollation(_RegIO):
    """``regcollation``."""

    missing = ("collation", "42704")


class RegConfig(_RegIO):
    """``regconfig``."""

    missing = ("text search configuration", "42704")


class RegDictionary(_RegIO):
    """``regdictionary``."""

    missing = ("text search dictionary", "42704")


class RegProc(_RegIO):
    """``regproc``: a function by name alone."""

    missing = ("function", "42883")


class _Unqualified(_RegIO):
    """Objects that are in no schema."""

    def _format(self, found: ObjectName) -> str:
        return quote_identifier(found.name, self.settings.major)

    def _named(self, text: str) -> int:
        names = split_names(text)
        if len(names) != 1:
            raise SqlError("invalid name syntax", "42602")
        return self._look_up(names[0], names, None)


class RegRole(_Unqualified):
    """``regrole``."""

    missing = ("role", "42704")


class RegNamespace(_Unqualified):
    """``regnamespace``."""

    missing = ("schema", "3F000")


class RegType(_RegIO):
    """``regtype``: as format_type writes it."""

    missing = ("type", "42704")

    def _ascii(self, datum: bytes) -> str:
        oid = int.from_bytes(datum, "little")
        if not oid:
            return self.zero
        text = self.registry.format_type(oid)
        return str(oid) if text.startswith("???") else text

    def _named(self, text: str) -> int:
        oid = self.registry.type_oid(text)
        if oid is None:
            raise SqlError(f'type "{text}" does not exist', "42704")
        return oid


class RegOper(_RegIO):
    """``regoper``: an operator by name alone."""

    zero = "0"
    missing = ("operator", "42883")

    def _format(self, found: ObjectName) -> str:
        if not found.qualified:
            return found.name
        return f"{quote_identifier(found.namespace, self.settings.major)}.{found.name}"

    def _named(self, text: str) -> int:
        return self._oper(text, text, None)

    def _oper(self, text: str, name: str, args: tuple[int, ...] | None) -> int:
        qualifier, dot, bare = name.strip().rpartition(".")
        if not bare:
            raise SqlError("invalid name syntax", "42602")
        names = (*split_names(qualifier), bare) if dot else (bare,)
        oid = self.registry.lookups.object_oid(self.info.name, names, args)
        if oid is None:
            raise SqlError(f"operator does not exist: {text}", "42883")
        return oid


class _WithArguments(_RegIO):
    """An object's name with its argument types."""

    def _types(self, text: str) -> tuple[str, tuple[int, ...]]:
        match = re.fullmatch(r"(.*?)\((.*)\)\s*", text, re.DOTALL)
        if match is None:
            raise SqlError("expected a left parenthesis", "22P02")
        if not match[1].strip():
            raise SqlError("invalid name syntax", "42602")
        words = [word.strip() for word in match[2].split(",")] if match[2].strip() else []
        args = []
        for word in words:
            oid = 0 if word.upper() == "NONE" else self.registry.type_oid(word)
            if oid is None:
                raise SqlError(f'type "{word}" does not exist', "42704")
            args.append(oid)
        return match[1], tuple(args)


class RegProcedure(_WithArguments):
    """``regprocedure``: name(argument types)."""

    missing = ("function", "42883")

    def _format(self, found: ObjectName) -> str:
        args = ",".join(self.registry.format_type(oid) for oid in found.args)
        return f"{super()._format(found)}({args})"

    def _named(self, text: str) -> int:
        name, args = self._types(text)
        return self._look_up(text, split_names(name), args)


class RegOperator(RegOper, _WithArguments):
    """``regoperator``: operator(left type,right type)."""

    def _format(self, found: ObjectName) -> str:
        args = ",".join(self.registry.format_type(oid) if oid else "NONE" for oid in found.args)
        return f"{super()._format(found)}({args})"

    def _named(self, text: str) -> int:
        name, args = self._types(text)
        if len(args) != 2:
            hint = "Use NONE to denote the missing argument of a unary operator."
            raise SqlError("missing argument", "42P02", None, hint)
        return self._oper(text, name, args)

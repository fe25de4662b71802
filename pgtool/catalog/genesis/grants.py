"""Privileges as the catalogs store them: arrays of (grantee, grantor, bits)."""

from __future__ import annotations

from collections.abc import Sequence

from formats import datum
from formats.derive import struct_of
from formats.version import WRITE_MAJOR
from pgtool.catalog.genesis.facts import ACLITEM, array

#: The bits of the privilege letters.
BITS = {letter: 1 << i for i, letter in enumerate(datum.ACL_ALL_RIGHTS_STR[WRITE_MAJOR])}
OWNER = 10
PG_READ_ALL_STATS, PG_MONITOR, PG_DATABASE_OWNER = 3375, 3373, 6171
ROLES = {
    "": 0, "pg_read_all_stats": PG_READ_ALL_STATS, "pg_monitor": PG_MONITOR,
    "pg_database_owner": PG_DATABASE_OWNER,
}  # fmt: skip
_ITEM = struct_of(datum.AclItem[WRITE_MAJOR])


def bits(letters: str) -> int:
    """The privileges of some letters."""
    return sum(BITS[letter] for letter in letters)


def acl(items: Sequence[tuple[int, str]], grantor: int = OWNER) -> bytes:
    """The payload of an aclitem[] of (grantee, letters)."""
    return array(ACLITEM, [_ITEM.pack(who, grantor, bits(what)) for who, what in items])


class Grants:
    """Makes and keeps the few different lists that there are."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], bytes] = {}

    def of(self, own: str, others: Sequence[str]) -> bytes:
        """What the owner may do, then ``role=letters`` of others."""
        key = (own, *others)
        if key not in self._known:
            pairs = [(ROLES[o.partition("=")[0]], o.partition("=")[2]) for o in others]
            self._known[key] = acl([(OWNER, own), *pairs])
        return self._known[key]

    def relation(self, others: Sequence[str]) -> bytes:
        return self.of("arwdDxtm", others)

    def function(self, others: Sequence[str]) -> bytes:
        return self.of("X", others)

    def schema(self, others: Sequence[str]) -> bytes:
        return self.of("UC", others)

    def column(self) -> bytes:
        """Everyone may read the column."""
        if () not in self._known:
            self._known[()] = acl([(0, "r")])
        return self._known[()]

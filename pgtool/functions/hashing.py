"""Hash support functions: the very values that PostgreSQL computes.

They decide in which partition and in which bucket of a hash index a row lies, so every bit
counts. All rest on Bob Jenkins' lookup3 with PostgreSQL's initial value; the extended form
gives 64 bits and takes a seed, where seed 0 has the 32-bit hash as its lower half.

One entry a family: a function from the value to what is hashed (:class:`Word` or bytes), or
a function of value and seed for those that combine. Containers find the hash of their
elements through pg_amproc.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import SqlError
from pgtool.functions.compare import char_key, interval_key
from pgtool.functions.compare_containers import range_facts
from pgtool.functions.compare_text import stripped
from pgtool.functions.numeric import numeric_digits
from pgtool.functions.opcache import HASH_AM, opcache
from pgtool.functions.registry import Call, builtin, find
from pgtool.functions.values import ArrayValue, RangeValue, RecordValue

__all__ = ["hash_bytes", "hash_function", "hash_word", "partition_hash"]

_M = 0xFFFFFFFF
_M64 = (1 << 64) - 1
_START = 0x9E3779B9 + 3923095
_WORDS = struct.Struct("<III")
_DOUBLE = struct.Struct("<d")
#: aclitem by its size, which grew with 16.
_ACLITEMS = {one.size: one for one in (struct_of(layout.AclItem[m]) for m in (14, 16))}
_NAN = bytes.fromhex("000000000000f87f")
#: Support function numbers of a hash operator class.
STANDARD, EXTENDED = 1, 2


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    a = (a - c & _M) ^ (c << 4 & _M | c >> 28)
    c = c + b & _M
    b = (b - a & _M) ^ (a << 6 & _M | a >> 26)
    a = a + c & _M
    c = (c - b & _M) ^ (b << 8 & _M | b >> 24)
    b = b + a & _M
    a = (a - c & _M) ^ (c << 16 & _M | c >> 16)
    c = c + b & _M
    b = (b - a & _M) ^ (a << 19 & _M | a >> 13)
    a = a + c & _M
    c = (c - b & _M) ^ (b << 4 & _M | b >> 28)
    return a, b + a & _M, c


def _final(a: int, b: int, c: int) -> tuple[int, int]:
    """The upper and the lower half of the result."""
    c = (c ^ b) - (b << 14 & _M | b >> 18) & _M
    a = (a ^ c) - (c << 11 & _M | c >> 21) & _M
    b = (b ^ a) - (a << 25 & _M | a >> 7) & _M
    c = (c ^ b) - (b << 16 & _M | b >> 16) & _M
    a = (a ^ c) - (c << 4 & _M | c >> 28) & _M
    b = (b ^ a) - (a << 14 & _M | a >> 18) & _M
    return b, (c ^ b) - (b << 24 & _M | b >> 8) & _M


def _begin(length: int, seed: int) -> tuple[int, int, int]:
    start = _START + length & _M
    if not seed:
        return start, start, start
    return _mix(start + (seed >> 32 & _M) & _M, start + (seed & _M) & _M, start)


def hash_bytes(data: bytes, seed: int = 0) -> int:
    """All 64 bits of the hash of a byte string."""
    a, b, c = _begin(len(data), seed)
    whole = len(data) // 12 * 12
    for x, y, z in _WORDS.iter_unpack(data[:whole]):
        a, b, c = _mix(a + x & _M, b + y & _M, c + z & _M)
    tail = data[whole:]
    a = a + int.from_bytes(tail[:4], "little") & _M
    b = b + int.from_bytes(tail[4:8], "little") & _M
    # The lowest byte of the third word is the length's.
    c = c + (int.from_bytes(tail[8:], "little") << 8) & _M
    high, low = _final(a, b, c)
    return high << 32 | low


def hash_word(word: int, seed: int = 0) -> int:
    """All 64 bits of the hash of a 32-bit number."""
    a, b, c = _begin(4, seed)
    high, low = _final(a + (word & _M) & _M, b, c)
    return high << 32 | low


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _register(
    names: tuple[str, ...], compute: Callable[..., int], *, call: bool = False,
    extended: str = "{}extended",
) -> None:  # fmt: skip
    """``compute(value, seed)`` gives 64 bits; ``seed`` None asks for the 32-bit form."""
    for name in names:
        if call:
            builtin(name, call=True)(lambda call, v: _signed(compute(call, v, None), 32))
            builtin(extended.format(name), call=True)(
                lambda call, v, seed: _signed(compute(call, v, seed & _M64), 64)
            )
        else:
            builtin(name)(lambda v: _signed(compute(v, None), 32))
            builtin(extended.format(name))(
                lambda v, seed: _signed(compute(v, seed & _M64), 64)
            )


def _of_bytes(data_of: Callable[[Any], bytes]) -> Callable[[Any, int | None], int]:
    return lambda value, seed: hash_bytes(data_of(value), seed or 0)


def _word(value: int, seed: int | None) -> int:
    return hash_word(int(value), seed or 0)


def _bigint(value: int, seed: int | None) -> int:
    """So that equal numbers of any width hash alike, the upper half is folded in."""
    value = _signed(value, 64)
    low, high = value & _M, value >> 32 & _M
    return hash_word(low ^ (high if value >= 0 else ~high & _M), seed or 0)


def _float(value: float, seed: int | None) -> int:
    if value == 0:
        return seed or 0
    return hash_bytes(_NAN if value != value else _DOUBLE.pack(value), seed or 0)


def _timetz(value: tuple[int, int], seed: int | None) -> int:
    return _bigint(value[0], seed) ^ _word(value[1], seed)


def _numeric(value: Decimal, seed: int | None) -> int:
    if not value.is_finite():
        return seed or 0
    groups, weight = numeric_digits(value)
    if not groups:
        return (seed or 0) - 1
    return hash_bytes(struct.pack(f"<{len(groups)}H", *groups), seed or 0) ^ (weight & _M64)


def _aclitem(value: bytes, seed: int | None) -> int:
    grantee, grantor, rights = _ACLITEMS[len(value)].unpack(value)
    plain = rights + grantee + grantor & _M
    return plain if seed is None or seed == 0 else hash_word(plain, seed)


def _char(value: str, seed: int | None) -> int:
    return hash_word(_signed(char_key(value)[0], 8), seed or 0)


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


_register(("hashint2", "hashint4", "hashoid", "hashenum", "hashxid", "hashcid", "hashbool",
           "hashdate"), _word)  # fmt: skip
_register(("hashint8", "hashxid8"), _bigint)
_register(("time_hash", "timestamp_hash", "timestamptz_hash"), _bigint, extended="{}_extended")
_register(("pg_lsn_hash",), lambda v, seed: _bigint(int.from_bytes(v, "little"), seed),
          extended="{}_extended")  # fmt: skip
_register(("interval_hash",), lambda v, seed: _bigint(interval_key(v), seed),
          extended="{}_extended")  # fmt: skip
_register(("timetz_hash",), _timetz, extended="{}_extended")
_register(("hashfloat4", "hashfloat8"), _float)
_register(("hash_numeric",), _numeric, extended="{}_extended")
_register(("hash_aclitem",), _aclitem, extended="{}_extended")
_register(("hashchar",), _char)
_register(("hashtext", "hashname"), _of_bytes(_text))
_register(("hashbpchar",), _of_bytes(lambda v: _text(stripped(v))))
_register(("hashbytea", "hashinet", "hashmacaddr", "hashmacaddr8", "hashtid"), _of_bytes(bytes))
_register(("uuid_hash",), _of_bytes(bytes), extended="{}_extended")
_register(("hashoidvector",),
          _of_bytes(lambda v: struct.pack(f"<{len(v.elements)}I", *v.elements)))  # fmt: skip


# -- partitions ---------------------------------------------------------------------------

#: The seed of every hash that picks a partition.
HASH_PARTITION_SEED = 0x7A5B22367996DCFD
_COMBINE = 0x49A0F4DD15E5A8E3


def partition_hash(
    session: Any, types: Sequence[int], values: Sequence[Any], collations: Sequence[int] = ()
) -> int:
    """The 64-bit hash of a partition key; it modulo the modulus is the remainder."""
    out = 0
    for i, (typid, value) in enumerate(zip(types, values)):
        if value is None:
            continue
        compute = hash_function(session, typid, collations[i] if i < len(collations) else 0)
        one = compute(value, HASH_PARTITION_SEED) & _M64
        out ^= one + _COMBINE + (out << 54) + (out >> 7) & _M64
    return out


@builtin("satisfies_hash_partition", call=True)
def satisfies_hash_partition(
    call: Call, parent: int | None, modulus: int | None, remainder: int | None, *key: Any
) -> bool:
    """Whether a row with this key belongs into the partition."""
    if parent is None or modulus is None or remainder is None:
        return False
    for wrong, message in (
        (modulus <= 0, "modulus for hash partition must be an integer value greater than zero"),
        (remainder < 0, "remainder for hash partition must be an integer value greater than or "
         "equal to zero"),
        (remainder >= modulus, "remainder for hash partition must be less than modulus"),
    ):  # fmt: skip
        if wrong:
            raise SqlError(message, "22023")
    types = call.argtypes[3:]
    if call.variadic:
        types, key = (key[0].elemtype,) * len(key[0].elements), tuple(key[0].elements)
    return partition_hash(call.session, types, key) % modulus == remainder


# -- containers ---------------------------------------------------------------------------


def hash_function(session: Any, typid: int, collation: int = 0) -> Callable[..., int]:
    """``hash(value, seed)`` of a type's default hash operator class; seed None: 32 bits."""
    known = session.__dict__.setdefault("_hash_functions", {})
    if typid not in known:
        known[typid] = _hash_function(session, typid, collation)
    found: Callable[..., int] = known[typid]
    return found


def _hash_function(session: Any, typid: int, collation: int) -> Callable[..., int]:
    cache = session.cache
    row = cache.type(typid)
    while row is not None and row.typtype == "d":
        typid, row = row.typbasetype, cache.type(row.typbasetype)
    ops = opcache(session)
    for one in ops.opclass_types(typid):
        for opclass in cache.lookup("pg_opclass", ("opcmethod", "opcintype"), (HASH_AM, one)):
            if opclass.opcdefault:
                return _bound(session, opclass, typid, collation)
    name = session.types.format_type(typid)
    raise SqlError(f"could not identify a hash function for type {name}", "42883")


def _bound(session: Any, opclass: Any, typid: int, collation: int) -> Callable[..., int]:
    made = []
    for number in (STANDARD, EXTENDED):
        row = session.cache.one(
            "pg_amproc", ("amprocfamily", "amproclefttype", "amprocrighttype", "amprocnum"),
            (opclass.opcfamily, opclass.opcintype, opclass.opcintype, number),
        )  # fmt: skip
        function = find(opcache(session).function(row.amproc).prosrc)
        made.append((function.scalar, function.call))
    call = Call((typid,), 23, collation, session)

    def compute(value: Any, seed: int | None) -> int:
        scalar, wants_call = made[seed is not None]
        args = (value,) if seed is None else (value, _signed(seed, 64))
        return int(scalar(call, *args) if wants_call else scalar(*args))

    return compute


def _combined(hashes: list[int], start: int) -> int:
    result = start
    for one in hashes:
        result = 31 * result + one & _M64
    return result


def _array(call: Call, value: ArrayValue, seed: int | None) -> int:
    compute = hash_function(call.session, value.elemtype, call.collation)
    return _combined([0 if v is None else compute(v, seed) for v in value.elements], 1)


def _record(call: Call, value: RecordValue, seed: int | None) -> int:
    hashes = []
    for field, typid in zip(value.fields, value.fieldtypes):
        compute = hash_function(call.session, typid)
        hashes.append(0 if field is None else compute(field, seed))
    return _combined(hashes, 0)


def range_flags(value: RangeValue) -> int:
    """The flag byte that a stored range would have."""
    if value.empty:
        return layout.RANGE_EMPTY
    flags = layout.RANGE_LB_INF if value.lower is None else 0
    flags |= layout.RANGE_UB_INF if value.upper is None else 0
    flags |= layout.RANGE_LB_INC if value.lower_inc else 0
    return flags | (layout.RANGE_UB_INC if value.upper_inc else 0)


def _range(call: Call, value: RangeValue, seed: int | None) -> int:
    compute = hash_function(call.session, range_facts(call.session, value.typeoid).rngsubtype)
    lower, upper = (0 if v is None else compute(v, seed) for v in (value.lower, value.upper))
    result = hash_word(range_flags(value), seed or 0)
    if seed is None:
        result = (result ^ lower) & _M
        return (result << 1 | result >> 31) ^ upper
    result = (result ^ lower) & _M64
    # Each half rotates by itself, so that the lower one is the 32-bit hash where seed is 0.
    return _rotated_halves(result) ^ upper & _M64


def _rotated_halves(value: int) -> int:
    high, low = value >> 32, value & _M
    return (high << 1 & _M | high >> 31) << 32 | (low << 1 & _M | low >> 31)


def _multirange(call: Call, value: tuple[RangeValue, ...], seed: int | None) -> int:
    return _combined([_range(call, one, seed) for one in value], 1)


for _name, _compute in (
    ("hash_array", _array), ("hash_record", _record), ("hash_range", _range),
    ("hash_multirange", _multirange),
):  # fmt: skip
    _register((_name,), _compute, call=True, extended="{}_extended")

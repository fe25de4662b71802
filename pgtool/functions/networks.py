"""inet, cidr, macaddr: parts, masks, containment, arithmetic.

A value is the stored datum: address family, bits of the mask, the address. The address is
taken as one number, so masks and arithmetic are those of numbers.
"""

from __future__ import annotations

from typing import NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import CorruptData, SqlError
from pgtool.functions.registry import Call, builtin

_HEAD = struct_of(layout.InetHeader)
IPV4, IPV6 = 2, 3
_SIZES = {IPV4: 4, IPV6: 16}
_FAMILY_NUMBER = {IPV4: 4, IPV6: 6}
_INT8_MAX = 0x7FFFFFFFFFFFFFFF


class Address(NamedTuple):
    """An address under a mask."""

    family: int
    bits: int
    value: int

    @property
    def width(self) -> int:
        """Bits of an address of the family."""
        return 8 * _SIZES[self.family]

    @property
    def host_mask(self) -> int:
        """Ones where the mask has none."""
        return (1 << self.width - self.bits) - 1

    @property
    def net_mask(self) -> int:
        """The mask."""
        return (1 << self.width) - 1 ^ self.host_mask

    def pack(self) -> bytes:
        """The stored form."""
        return _HEAD.pack(self.family, self.bits) + self.value.to_bytes(self.width // 8, "big")

    def network(self) -> Address:
        """The address of the network."""
        return self._replace(value=self.value & self.net_mask)


def _address(datum: bytes) -> Address:
    family, bits = _HEAD.unpack_from(datum)
    raw = datum[_HEAD.size :]
    if len(raw) != _SIZES.get(family, -1) or bits > 8 * len(raw):
        raise CorruptData(f"inet of family {family} and {bits} bits")
    return Address(family, bits, int.from_bytes(raw, "big"))


def _inside(a: Address, b: Address, bits: int) -> bool:
    shift = a.width - bits
    return a.family == b.family and a.value >> shift == b.value >> shift


def _text(call: Call, a: Address) -> str:
    shown: str = call.session.types.by_name("inet").output(a._replace(bits=a.width).pack())
    return shown


@builtin("network_host", call=True)
def network_host(call: Call, a: bytes) -> str:
    return _text(call, _address(a))


@builtin("network_show", call=True)
def network_show(call: Call, a: bytes) -> str:
    return f"{_text(call, _address(a))}/{_address(a).bits}"


@builtin("inet_abbrev", call=True)
def inet_abbrev(call: Call, a: bytes) -> str:
    found = _address(a)
    return _text(call, found) + ("" if found.bits == found.width else f"/{found.bits}")


def _abbreviated_ipv6(a: Address) -> str:
    """An IPv6 network with the words behind its mask left out."""
    if a.bits == 0:
        return "::/0"
    raw = a.network().value.to_bytes(16, "big")
    words = [int.from_bytes(raw[i : i + 2], "big") for i in range(0, 16, 2)]
    words = words[: max(2, (a.bits + 15) // 16)]
    run_at = run = best_at = best = 0
    for place, word in enumerate([*words, 1]):
        if word == 0:
            run_at = place if run == 0 else run_at
            run += 1
        elif run > best:
            # A run that is no longer than the best goes on counting at the next zero.
            best_at, best, run = run_at, run, 0
    mapped = best_at == 0 and best != len(words) and (
        best == 6 or (best == 5 and words[5] == 0xFFFF)
        or (best == 7 and raw[14] != 0 and raw[15] != 1)
    )  # fmt: skip
    head = ":".join([f"{word:x}" for word in words[:best_at]])
    tail = [f"{word:x}" for word in words[best_at + best :]]
    if mapped and len(words) > 6:
        tail = tail[: max(0, 6 - best)]
        octets = raw[12 : 16 if len(words) < 8 or a.bits > 120 else 15]
        tail.append(".".join(map(str, octets[: 2 * (len(words) - 6)])))
    middle = "::" if best else ":" if head and tail else ""
    return f"{head}{middle}{':'.join(tail)}/{a.bits}"


@builtin("cidr_abbrev", call=True)
def cidr_abbrev(call: Call, a: bytes) -> str:
    found = _address(a)
    if found.family == IPV6:
        return _abbreviated_ipv6(found)
    octets = found.value.to_bytes(4, "big")[: max(1, (found.bits + 7) // 8)]
    return f"{'.'.join(map(str, octets))}/{found.bits}"


@builtin("network_family")
def network_family(a: bytes) -> int:
    return _FAMILY_NUMBER[_address(a).family]


@builtin("network_masklen")
def network_masklen(a: bytes) -> int:
    return _address(a).bits


@builtin("network_network", "inet_to_cidr")
def network_network(a: bytes) -> bytes:
    return _address(a).network().pack()


@builtin("network_broadcast")
def network_broadcast(a: bytes) -> bytes:
    found = _address(a)
    return found._replace(value=found.value | found.host_mask).pack()


@builtin("network_netmask")
def network_netmask(a: bytes) -> bytes:
    found = _address(a)
    return found._replace(value=found.net_mask, bits=found.width).pack()


@builtin("network_hostmask")
def network_hostmask(a: bytes) -> bytes:
    found = _address(a)
    return found._replace(value=found.host_mask, bits=found.width).pack()


def _with_bits(a: bytes, bits: int) -> Address:
    found = _address(a)
    bits = found.width if bits == -1 else bits
    if not 0 <= bits <= found.width:
        raise SqlError(f"invalid mask length: {bits}", "22023")
    return found._replace(bits=bits)


@builtin("inet_set_masklen")
def inet_set_masklen(a: bytes, bits: int) -> bytes:
    return _with_bits(a, bits).pack()


@builtin("cidr_set_masklen")
def cidr_set_masklen(a: bytes, bits: int) -> bytes:
    return _with_bits(a, bits).network().pack()


# -- containment --------------------------------------------------------------------------


def _subnet(a: bytes, b: bytes, *, proper: bool) -> bool:
    inner, outer = _address(a), _address(b)
    enough = inner.bits > outer.bits or (not proper and inner.bits == outer.bits)
    return enough and _inside(inner, outer, outer.bits)


@builtin("network_sub")
def network_sub(a: bytes, b: bytes) -> bool:
    return _subnet(a, b, proper=True)


@builtin("network_subeq")
def network_subeq(a: bytes, b: bytes) -> bool:
    return _subnet(a, b, proper=False)


@builtin("network_sup")
def network_sup(a: bytes, b: bytes) -> bool:
    return _subnet(b, a, proper=True)


@builtin("network_supeq")
def network_supeq(a: bytes, b: bytes) -> bool:
    return _subnet(b, a, proper=False)


@builtin("network_overlap")
def network_overlap(a: bytes, b: bytes) -> bool:
    x, y = _address(a), _address(b)
    return _inside(x, y, min(x.bits, y.bits))


@builtin("inet_same_family")
def inet_same_family(a: bytes, b: bytes) -> bool:
    return _address(a).family == _address(b).family


@builtin("inet_merge")
def inet_merge(a: bytes, b: bytes) -> bytes:
    x, y = _address(a), _address(b)
    if x.family != y.family:
        raise SqlError("cannot merge addresses from different families", "22023")
    common = x.width - (x.value ^ y.value).bit_length()
    return x._replace(bits=min(x.bits, y.bits, common)).network().pack()


# -- arithmetic ----------------------------------------------------------------------------


@builtin("inetnot")
def inetnot(a: bytes) -> bytes:
    found = _address(a)
    return found._replace(value=found.value ^ (1 << found.width) - 1).pack()


def _pair(a: bytes, b: bytes, what: str) -> tuple[Address, Address]:
    x, y = _address(a), _address(b)
    if x.family != y.family:
        raise SqlError(f"cannot {what} inet values of different sizes", "22023")
    return x, y


@builtin("inetand")
def inetand(a: bytes, b: bytes) -> bytes:
    x, y = _pair(a, b, "AND")
    return x._replace(bits=max(x.bits, y.bits), value=x.value & y.value).pack()


@builtin("inetor")
def inetor(a: bytes, b: bytes) -> bytes:
    x, y = _pair(a, b, "OR")
    return x._replace(bits=max(x.bits, y.bits), value=x.value | y.value).pack()


@builtin("inetpl")
def inetpl(a: bytes, addend: int) -> bytes:
    found = _address(a)
    value = found.value + addend
    if not 0 <= value < 1 << found.width:
        raise SqlError("result is out of range", "22003")
    return found._replace(value=value).pack()


@builtin("inetmi_int8")
def inetmi_int8(a: bytes, subtrahend: int) -> bytes:
    # The least bigint has no positive counterpart and stays what it is.
    return inetpl(a, -subtrahend if subtrahend >= -_INT8_MAX else subtrahend)


@builtin("inetmi")
def inetmi(a: bytes, b: bytes) -> int:
    x, y = _pair(a, b, "subtract")
    value = x.value - y.value
    if not -_INT8_MAX - 1 <= value <= _INT8_MAX:
        raise SqlError("result is out of range", "22003")
    return value


@builtin("inet_client_addr", "inet_server_addr", "inet_client_port", "inet_server_port")
def no_connection() -> None:
    """There is no connection over a network."""
    return None


# -- macaddr ---------------------------------------------------------------------------------


@builtin("macaddr_not", "macaddr8_not")
def macaddr_not(a: bytes) -> bytes:
    return bytes([byte ^ 0xFF for byte in a])


@builtin("macaddr_and", "macaddr8_and")
def macaddr_and(a: bytes, b: bytes) -> bytes:
    return bytes([x & y for x, y in zip(a, b)])


@builtin("macaddr_or", "macaddr8_or")
def macaddr_or(a: bytes, b: bytes) -> bytes:
    return bytes([x | y for x, y in zip(a, b)])


@builtin("macaddr_trunc", "macaddr8_trunc")
def macaddr_trunc(a: bytes) -> bytes:
    return a[:3] + bytes(len(a) - 3)


@builtin("macaddrtomacaddr8")
def macaddrtomacaddr8(a: bytes) -> bytes:
    return a[:3] + b"\xff\xfe" + a[3:]


@builtin("macaddr8tomacaddr")
def macaddr8tomacaddr(a: bytes) -> bytes:
    if a[3:5] != b"\xff\xfe":
        raise SqlError(
            "macaddr8 data out of range to convert to macaddr", "22003",
            hint="Only addresses that have FF and FE as values in the 4th and 5th bytes from the "
            "left, for example xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from "
            "macaddr8 to macaddr.",
        )  # fmt: skip
    return a[:3] + a[5:]


@builtin("macaddr8_set7bit")
def macaddr8_set7bit(a: bytes) -> bytes:
    return bytes([a[0] | 0x02]) + a[1:]

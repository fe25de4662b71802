"""Network addresses: inet, cidr, macaddr, macaddr8.

inet and cidr are stored alike: address family, bits of the netmask, the address. cidr
allows no bit to the right of its mask and always shows the mask.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import CorruptData, SqlError
from pgtool.types.base import AsciiIO, FixedIO
from pgtool.types.cstdlib import SPACE

__all__ = ["Cidr", "Inet", "MacAddr", "MacAddr8"]

_HEAD = struct_of(layout.InetHeader)
IPV4, IPV6 = 2, 3
_SIZE = {IPV4: 4, IPV6: 16}
_NAME = {IPV4: "IPv4", IPV6: "IPv6"}


def _ipv6_text(address: bytes) -> str:
    words = [int.from_bytes(address[i : i + 2], "big") for i in range(0, 16, 2)]
    best_at, best = 0, 0
    at = 0
    while at < 8:
        run = 0
        while at + run < 8 and words[at + run] == 0:
            run += 1
        if run > best:
            best_at, best = at, run
        at += run or 1
    if best < 2:
        return ":".join(f"{word:x}" for word in words)
    mapped = best_at == 0 and (best == 6 or (best == 5 and words[5] == 0xFFFF))
    tail = [f"{word:x}" for word in words[best_at + best :]]
    if mapped:
        tail = tail[: 6 - best] if best < 6 else []
        tail.append(".".join(map(str, address[12:])))
    return ":".join(f"{word:x}" for word in words[:best_at]) + "::" + ":".join(tail)


class Inet(AsciiIO):
    """``inet``."""

    is_cidr = False

    def _split(self, datum: bytes) -> tuple[int, int, bytes]:
        family, bits = _HEAD.unpack_from(datum)
        address = datum[_HEAD.size :]
        if len(address) != _SIZE.get(family, -1) or bits > 8 * len(address):
            raise CorruptData(f"{self.info.name} of family {family} and {bits} bits")
        return family, bits, address

    def _ascii(self, datum: bytes) -> str:
        family, bits, address = self._split(datum)
        text = ".".join(map(str, address)) if family == IPV4 else _ipv6_text(address)
        return text if bits == 8 * len(address) and not self.is_cidr else f"{text}/{bits}"

    def _send(self, datum: bytes) -> bytes:
        family, bits, address = self._split(datum)
        return bytes([family, bits, self.is_cidr, len(address)]) + address

    def _parse(self, text: str, typmod: int) -> bytes:
        family = IPV6 if ":" in text else IPV4
        found = _parse_ipv6(text) if family == IPV6 else self._parse_ipv4(text)
        if found is None:
            raise self.bad_input(text)
        bits, address = found
        self._check_mask(bits, address, f'invalid cidr value: "{text}"', "22P02")
        return _HEAD.pack(family, bits) + address

    def _parse_ipv4(self, text: str) -> tuple[int, bytes] | None:
        return _parse_ipv4(text)

    def _check_mask(self, bits: int, address: bytes, message: str, sqlstate: str) -> None:
        host = 8 * len(address) - bits
        if self.is_cidr and int.from_bytes(address, "big") & ((1 << host) - 1):
            raise SqlError(message, sqlstate, "Value has bits set to right of mask.")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        family, bits, _is_cidr, size = wire[:4]
        name = self.info.name
        if family not in _SIZE:
            raise SqlError(f'invalid address family in external "{name}" value', "22P03")
        if bits > 8 * _SIZE[family]:
            raise SqlError(f'invalid bits in external "{name}" value', "22P03")
        if size != _SIZE[family]:
            raise SqlError(f'invalid length in external "{name}" value', "22P03")
        address = wire[4:]
        if len(address) != size:
            raise self.bad_wire()
        self._check_mask(bits, address, 'invalid external "cidr" value', "22P03")
        return _HEAD.pack(family, bits) + address

    def _python(self, datum: bytes) -> Any:
        family, bits, address = self._split(datum)
        if self.is_cidr:
            return ipaddress.ip_network((address, bits))
        host = ipaddress.ip_address(address)
        return host if bits == 8 * _SIZE[family] else ipaddress.ip_interface((address, bits))


_IPV4 = re.compile(r"([0-9]+(?:\.[0-9]+)*)\.?(?:/([0-9]+))?", re.ASCII)
_IPV4_CIDR = re.compile(r"([0-9]+(?:\.[0-9]+)*)(?:/([0-9]+))?", re.ASCII)
_IPV4_HEX = re.compile(r"0[xX]([0-9a-fA-F]+)(?:/([0-9]+))?")


def _octets(text: str) -> bytes | None:
    values = [int(part[:1000]) for part in text.split(".")]
    return bytes(values) if len(values) <= 4 and max(values) <= 255 else None


def _parse_ipv4(text: str) -> tuple[int, bytes] | None:
    match = _IPV4.fullmatch(text)
    octets = _octets(match[1]) if match else None
    if match is None or octets is None:
        return None
    bits = int(match[2][:9]) if match[2] else 32 if len(octets) == 4 else -1
    if not 0 <= bits <= 32 or bits // 8 > len(octets):
        return None
    return bits, octets.ljust(4, b"\0")


def _parse_cidr_ipv4(text: str) -> tuple[int, bytes] | None:
    hexed = _IPV4_HEX.fullmatch(text)
    match = hexed or _IPV4_CIDR.fullmatch(text)
    if match is None:
        return None
    if hexed:
        digits = hexed[1] + "0" * (len(hexed[1]) % 2)
        octets: bytes | None = bytes.fromhex(digits) if len(digits) <= 8 else None
    else:
        octets = _octets(match[1])
    if octets is None:
        return None
    first = octets[0]
    if match[2]:
        bits = int(match[2][:9])
    else:
        classes = ((240, 32), (224, 8), (192, 24), (128, 16), (0, 8))
        bits = max(next(b for low, b in classes if first >= low), 8 * len(octets))
        bits = 4 if bits == 8 and first == 224 else bits
    return (bits, octets.ljust(4, b"\0")) if bits <= 32 else None


def _parse_ipv6(text: str) -> tuple[int, bytes] | None:
    body, slash, mask = text.partition("/")
    if slash and not re.fullmatch(r"0|[1-9][0-9]{0,2}", mask):
        return None
    bits = int(mask) if slash else 128
    head, gap, tail = body.partition("::")
    if (gap and "::" in tail) or bits > 128:
        return None
    left = _ipv6_groups(head, last=not gap)
    right = _ipv6_groups(tail, last=True) if gap else b""
    if left is None or right is None:
        return None
    size = len(left) + len(right)
    if size > 16 or (size == 16) == bool(gap):
        return None
    return bits, left + bytes(16 - size) + right


def _ipv6_groups(text: str, *, last: bool) -> bytes | None:
    out = b""
    groups = text.split(":") if text else []
    for number, group in enumerate(groups):
        if "." in group and last and number == len(groups) - 1:
            if not re.fullmatch(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){1,3}", group):
                return None
            octets = _octets(group)
            if octets is None:
                return None
            out += octets.ljust(4, b"\0")
        elif re.fullmatch(r"[0-9a-fA-F]{1,4}", group):
            out += int(group, 16).to_bytes(2, "big")
        else:
            return None
    return out


class Cidr(Inet):
    """``cidr``."""

    is_cidr = True

    def _parse_ipv4(self, text: str) -> tuple[int, bytes] | None:
        return _parse_cidr_ipv4(text)


class MacAddr(FixedIO):
    """``macaddr``: six bytes."""

    wire = (1,) * 6
    _HEX = "([0-9a-fA-F]{1,2})"
    _FORMS = tuple(
        re.compile(rf"\s*{form}\s*", re.ASCII)
        for form in (
            ":".join([r"\s*([+-]?(?:0[xX])?[0-9a-fA-F]+)"] * 6),
            "-".join([r"\s*([+-]?(?:0[xX])?[0-9a-fA-F]+)"] * 6),
            _HEX * 3 + ":" + _HEX * 3, _HEX * 3 + "-" + _HEX * 3,
            r"\.".join([_HEX * 2] * 3), "-".join([_HEX * 2] * 3), _HEX * 6,
        )
    )  # fmt: skip

    def _ascii(self, datum: bytes) -> str:
        return datum.hex(":")

    def _parse(self, text: str, typmod: int) -> bytes:
        match = next((m for form in self._FORMS if (m := form.fullmatch(text))), None)
        if match is None:
            raise self.bad_input(text)
        octets = [int(part, 16) for part in match.groups()]
        if min(octets) < 0 or max(octets) > 255:
            raise SqlError(f'invalid octet value in "macaddr" value: "{text}"', "22003")
        return bytes(octets)


class MacAddr8(FixedIO):
    """``macaddr8``: eight bytes; six become eight by ff:fe in the middle."""

    wire = (1,) * 8

    def _ascii(self, datum: bytes) -> str:
        return datum.hex(":")

    def _parse(self, text: str, typmod: int) -> bytes:
        body = text.strip(SPACE)
        spacers = set(re.findall(r"[^0-9a-fA-F]", body))
        octets = re.findall(r"[0-9a-fA-F]{2}", body)
        shape = r"[0-9a-fA-F]{2}(?:[:.-]?[0-9a-fA-F]{2})*[:.-]?"
        if len(spacers) > 1 or len(octets) not in (6, 8) or not re.fullmatch(shape, body):
            raise self.bad_input(text)
        raw = bytes.fromhex("".join(octets))
        return raw if len(raw) == 8 else raw[:3] + b"\xff\xfe" + raw[3:]

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        if len(wire) == 6:
            wire = wire[:3] + b"\xff\xfe" + wire[3:]
        return super()._receive(wire, typmod)

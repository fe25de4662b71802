"""Damage to bytes, by chance but repeatable: what disks, crashes and wrong files do.

A mutation is a function of (bytes, random generator). `damaged` applies one or two of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable

Mutation = Callable[[bytearray, random.Random], None]

#: Numbers that lengths, counts, offsets and links like least.
ABSURD = (0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000,
          0xFFFFFFFE, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


def flip_bits(data: bytearray, rng: random.Random) -> None:
    """One to eight bits anywhere."""
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flip_early(data: bytearray, rng: random.Random) -> None:
    """A bit in the first bytes, where the headers are."""
    data[rng.randrange(min(len(data), 64))] ^= 1 << rng.randrange(8)


def flip_late(data: bytearray, rng: random.Random) -> None:
    """A bit in the last bytes, where the special space is."""
    data[-1 - rng.randrange(min(len(data), 48))] ^= 1 << rng.randrange(8)


def absurd_number(data: bytearray, rng: random.Random) -> None:
    """A length, count or link becomes absurd."""
    size = rng.choice((1, 2, 4, 8))
    at = rng.randrange(max(1, len(data) - size + 1))
    at -= at % size if rng.random() < 0.8 else 0
    if rng.random() < 0.5:
        at = min(at, rng.randrange(0, 96))
    value = rng.choice(ABSURD) & (1 << 8 * size) - 1
    data[at:at + size] = value.to_bytes(size, "little")[:max(0, len(data) - at)]


def cyclic(data: bytearray, rng: random.Random) -> None:
    """A field takes the value of another: offsets overlap, links point back."""
    size = rng.choice((2, 4, 6, 8))
    if len(data) > 2 * size:
        source, target = (rng.randrange(len(data) - size) for _ in range(2))
        data[target:target + size] = data[source:source + size]


def zero_run(data: bytearray, rng: random.Random) -> None:
    """A sector that was never written."""
    length = rng.choice((16, 512, 4096))
    at = rng.randrange(len(data)) // length * length
    data[at:at + length] = bytes(len(data[at:at + length]))


def noise(data: bytearray, rng: random.Random) -> None:
    """A run of bytes of something else."""
    length = rng.choice((4, 32, 512))
    at = rng.randrange(len(data))
    data[at:at + length] = rng.randbytes(len(data[at:at + length]))


def torn(data: bytearray, rng: random.Random) -> None:
    """The second half is from another time: here, a shifted copy of the first."""
    half = len(data) // 2
    data[half:] = data[:len(data) - half]


def truncate(data: bytearray, rng: random.Random) -> None:
    """The end is missing."""
    del data[rng.randrange(len(data)):]


SAME_SIZE: tuple[Mutation, ...] = (flip_bits, flip_early, flip_late, absurd_number, absurd_number,
                                   cyclic, zero_run, noise, torn)
ANY_SIZE: tuple[Mutation, ...] = (*SAME_SIZE, truncate)


def damaged(data: bytes, rng: random.Random, kinds: tuple[Mutation, ...] = ANY_SIZE) -> bytes:
    """A damaged copy."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2))):
        if out:
            rng.choice(kinds)(out, rng)
    return bytes(out)

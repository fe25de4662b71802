# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""The inner loop of page checksums, compiled where possible.

:mod:`pgtool.storage.checksum` explains the algorithm and is the only caller; it hands in
the constants and all memory, so that nothing is allocated here and other threads run
meanwhile. ``fnv.pxd`` gives the C types with which Cython compiles this very source.

All buffers are of 32-bit words: ``words`` whole pages, ``lanes`` the 32 starting values,
``sums`` 32 words of scratch.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled


def _page(words: Any, at: int, blkno: int, lanes: Any, sums: Any, ones: int) -> int:
    """Checksum of the page that starts at word ``at``; ``ones`` is 2³² - 1."""
    for j in range(32):
        # The checksum is the low half of word 2 and counts as zero.
        mixed = lanes[j] ^ (words[at + j] if j != 2 else words[at + j] >> 16 << 16)
        sums[j] = (mixed * 16777619 ^ mixed >> 17) & ones
    for i in range(1, 64):
        for j in range(32):
            mixed = sums[j] ^ words[at + i * 32 + j]
            sums[j] = (mixed * 16777619 ^ mixed >> 17) & ones
    for _ in range(2):
        for j in range(32):
            mixed = sums[j]
            sums[j] = (mixed * 16777619 ^ mixed >> 17) & ones
    folded = blkno
    for j in range(32):
        folded ^= sums[j]
    return folded % 65535 + 1


def checksum(words: Any, blkno: int, lanes: Any, sums: Any) -> int:
    """The checksum that one page should carry as block ``blkno``."""
    ones = 0xFFFFFFFF  # a variable: Cython would take such a large literal for an object
    return _page(words, 0, blkno, lanes, sums, ones)


def find_bad(words: Any, pages: int, first: int, lanes: Any, sums: Any, bad: Any) -> int:
    """How many of ``pages`` consecutive blocks from ``first`` are bad; new pages are not.

    ``bad`` receives, for each of them, its index and its calculated checksum.
    """
    ones = 0xFFFFFFFF
    count = 0
    with cython.nogil:
        for page in range(pages):
            at = page * 2048
            if words[at + 3] >> 16 == 0:  # pd_upper is 0: never initialised
                continue
            found = _page(words, at, first + page, lanes, sums, ones)
            if found != words[at + 2] & 0xFFFF:
                bad[2 * count] = page
                bad[2 * count + 1] = found
                count += 1
    return count

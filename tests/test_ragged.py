"""The exact ragged copy against slices, with guard bytes between all spans."""

from __future__ import annotations

import numpy as np
import pytest

from pgtool.errors import CorruptData
from pgtool.storage import ragged


def _reference(dst, dst_start, src, src_start, length):
    out = dst.copy()
    for d, s, n in zip(dst_start.tolist(), src_start.tolist(), length.tolist()):
        out[d : d + n] = src[s : s + n]
    return out


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 0), (0, 1), (1, 1), (0, 3), (5, 5), (7, 9), (0, 40), (31, 33), (63, 65), (64, 64),
     (0, 200), (128, 129), (100, 1000), (0, 9000)],
)  # fmt: skip
def test_copy_is_exact(low: int, high: int) -> None:
    rng = np.random.default_rng(low * 10007 + high)
    for n in (0, 1, 2, 300):
        length = rng.integers(low, high + 1, n)
        src = rng.integers(0, 256, max(high, 1) * 3, dtype=np.uint8)
        src_start = rng.integers(0, src.size - length + 1) if n else np.zeros(0, np.int64)
        gap = rng.integers(0, 4, n)
        ends = np.cumsum(length + gap)
        dst_start = ends - length
        dst = rng.integers(0, 256, int(ends[-1]) if n else 5, dtype=np.uint8)
        expected = _reference(dst, dst_start, src, src_start, length)
        order = rng.permutation(n)
        ragged.copy_spans(dst, dst_start[order], src, src_start[order], length[order])
        assert np.array_equal(dst, expected)
        out, offsets = ragged.gather(src, src_start, length)
        assert out.tobytes() == b"".join(
            src[s : s + k].tobytes() for s, k in zip(src_start.tolist(), length.tolist())
        )
        assert offsets[-1] == length.sum()


def test_narrow_index_types() -> None:
    src = np.arange(256, dtype=np.uint8)
    dst = np.zeros(300, np.uint8)
    start = np.array([3, 200], np.int32)
    ragged.copy_spans(dst, start, src, start, np.array([7, 56], np.int32))
    assert dst[3:10].tolist() == list(range(3, 10))
    assert dst[200:256].tolist() == list(range(200, 256))
    assert not dst[10:200].any()


@pytest.mark.parametrize(
    ("start", "length"), [([-1], [4]), ([97], [4]), ([0], [101]), ([5], [-1]), ([2**40], [1])]
)
def test_spans_outside_are_refused(start: list[int], length: list[int]) -> None:
    src = np.zeros(100, np.uint8)
    dst = np.zeros(1000, np.uint8)
    with pytest.raises(CorruptData):
        ragged.copy_spans(dst, np.array([0]), src, np.array(start), np.array(length))


def test_fill_and_scatter() -> None:
    dst = np.zeros(20, np.uint8)
    ragged.fill_spans(dst, np.array([0, 7, 18]), b"\\N")
    assert dst.tobytes() == b"\\N" + bytes(5) + b"\\N" + bytes(9) + b"\\N"
    ragged.fill_spans(dst, np.array([2, 19]), b"\t")
    assert dst[2] == dst[19] == 9
    ragged.scatter_bytes(dst, np.array([3, 9]), np.array([1, 2], ">i4"))
    assert dst[3:7].tobytes() == b"\0\0\0\1"
    assert dst[9:13].tobytes() == b"\0\0\0\2"
    with pytest.raises(CorruptData):
        ragged.fill_spans(dst, np.array([19]), b"ab")
    with pytest.raises(CorruptData):
        ragged.scatter_bytes(dst, np.array([17]), np.array([1], ">i4"))

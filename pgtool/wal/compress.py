"""How page images are compressed: wal_compression's methods."""

from __future__ import annotations

from collections.abc import Callable

from formats.wal.record import IMAGE_BITS
from pgtool.errors import Unsupported, UserError

#: (page without its hole, bytes below which compression gains) → the compressed page or None.
Method = Callable[[bytes, int], bytes | None]


def _lz4(raw: bytes, limit: int) -> bytes | None:
    import lz4.block

    out: bytes = lz4.block.compress(raw, store_size=False)
    return out if len(out) < limit else None


def _pglz(raw: bytes, limit: int) -> bytes | None:
    from formats.pglz_pack import compress

    out = compress(raw)
    return out if out is not None and len(out) < limit else None


def _zstd(raw: bytes, limit: int) -> bytes | None:
    try:
        import zstandard
    except ImportError:
        raise Unsupported("wal_compression = zstd needs the package zstandard") from None
    out: bytes = zstandard.ZstdCompressor().compress(raw)
    return out if len(out) < limit else None


_METHODS: dict[str, Method] = {"pglz": _pglz, "lz4": _lz4, "zstd": _zstd}
_OFF = {"off", "false", "no", "0"}
_PGLZ = {"on", "true", "yes", "1"}


def compressor(setting: str, major: int) -> tuple[int, Method] | None:
    """(bit of ``bimg_info``, function) of a setting; None where images stay as they are."""
    name = setting.lower()
    if name in _OFF:
        return None
    name = "pglz" if name in _PGLZ else name
    for bit, known in IMAGE_BITS[major].methods:
        if known == name:
            return bit, _METHODS[name]
    raise UserError(f'invalid value for parameter "wal_compression": "{setting}"')

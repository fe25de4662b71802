"""--save-fullpage: every page image of a record as a file of its own."""

from __future__ import annotations

import os

from formats.errors import CorruptData, UserError
from formats.units import Lsn
from formats.wal.record import FORK_NAMES, DecodedRecord
from pgtool.wal.source import WalReadError
from pgtool.wal.wording import WORDING


def prepare_directory(path: str) -> None:
    """Make the directory; it must not hold anything yet."""
    try:
        if os.listdir(path):
            raise UserError(f'directory "{path}" exists but is not empty')
    except FileNotFoundError:
        try:
            os.makedirs(path, mode=0o700)
        except OSError as error:
            raise UserError(
                f'could not create directory "{error.filename}": {error.strerror}'
            ) from None
    except OSError as error:
        raise UserError(f'could not access directory "{path}": {error.strerror}') from None


def save_images(rec: DecodedRecord, directory: str) -> None:
    """Write ``TLI-LSN.TABLESPACE.DATABASE.RELATION.BLOCK_FORK`` for each image."""
    lsn = int(rec.lsn)
    for ref in rec.blocks:
        if ref.image is None:
            continue
        try:
            page = ref.image.page()
        except CorruptData:
            text = WORDING[rec.major]["restore"]
            raise WalReadError(text.format(at=Lsn(lsn), block=ref.id)) from None
        name = (
            f"{rec.tli:08X}-{lsn >> 32:08X}-{lsn & 0xFFFFFFFF:08X}."
            f"{ref.spc}.{ref.db}.{ref.rel}.{ref.block}_{FORK_NAMES[ref.fork]}"
        )
        with open(os.path.join(directory, name), "wb") as file:
            file.write(page)

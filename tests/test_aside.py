"""Output files: whole or not at all, and never in the place of a device, a pipe or a link."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pgtool.storage.aside import written_aside


def test_a_file_takes_its_name_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), written_aside(str(path)) as out:
        out.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["out"]
    with written_aside(str(path)) as out:
        out.write(b"new")
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["out"]


def test_links_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(tmp_path / "target")
    with written_aside(str(link)) as out:
        out.write(b"x")
    assert link.is_symlink() and (tmp_path / "target").read_bytes() == b"x"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with written_aside(str(pipe)) as out:
        out.write(b"y" * 200_000)
    reader.join()
    assert got == [b"y" * 200_000] and pipe.is_fifo()

"""The walks in pgtool's docstring name things that are there."""

from __future__ import annotations

import importlib
import re

import pgtool


def _resolve(name: str) -> None:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return
    raise ModuleNotFoundError(name)


def test_every_name_in_the_walks_resolves() -> None:
    text = pgtool.__doc__ or ""
    names = re.findall(r":(?:func|class|data|mod|meth):`([\w.]+)`", text)
    assert len(names) > 15
    names += re.findall(r"``(formats\.[\w.]+)``", text)
    for name in names:
        _resolve(name)


def test_every_layer_of_the_overview_exists() -> None:
    text = pgtool.__doc__ or ""
    for name in re.findall(r"^    ((?:pgtool\.|formats)\S*) ", text, re.M):
        _resolve(name)

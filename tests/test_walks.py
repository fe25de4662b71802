"""The walks through the code that pgtool's docstring describes lead to things that exist."""

from __future__ import annotations

import importlib
import re

import pgtool


def test_every_dotted_name_resolves() -> None:
    names = re.findall(r":(?:class|func|mod):`(pgtool\.[\w.]+)`", pgtool.__doc__ or "")
    assert len(names) >= 8
    for name in names:
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(module), last), name

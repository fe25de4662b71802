"""The walks through the code that pgtool's docstring describes lead to things that exist."""

from __future__ import annotations

import pkgutil
import re

import pgtool


def test_every_dotted_name_resolves() -> None:
    names = re.findall(r":(?:class|func|mod|meth|data):`((?:pgtool|formats)\.[\w.]+)`",
                       pgtool.__doc__ or "")  # fmt: skip
    assert len(names) >= 40
    for name in names:
        assert pkgutil.resolve_name(name) is not None, name

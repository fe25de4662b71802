"""Annotated pages as one self-contained HTML file.

The file is a fixed template (``assets/page.html``: styles and script, no external
resources) with the pages as JSON in it. The script builds everything with textContent,
never from markup, and the JSON cannot end its script element early, so nothing that
stands on a page can become part of the document.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from pgtool import __version__
from pgtool.inspect.explain import Explained, Section

_TITLE = "<!--TITLE-->"
_DATA = "/*DATA*/"


def render_pages(pages: Sequence[Explained]) -> str:
    """The document for some pages of one file."""
    template = resources.files("pgtool.inspect").joinpath("assets/page.html").read_text("utf-8")
    title = f"{pages[0].title} block {pages[0].block}" if pages else "no page"
    body = json.dumps({"version": __version__, "pages": [_page(page) for page in pages]},
                      ensure_ascii=True, separators=(",", ":"))  # fmt: skip
    # The data first: its "<" are escaped, so it holds no second place for the title.
    filled = template.replace(_DATA, body.replace("<", "\\u003c"), 1)
    return filled.replace(_TITLE, html.escape(title), 1)


def _page(page: Explained) -> dict[str, Any]:
    return {
        "title": page.title,
        "block": page.block,
        "kind": page.kind,
        "facts": page.facts,
        "problems": [str(problem) for problem in page.problems],
        "bytes": base64.b64encode(page.data).decode(),
        "sections": [_section(section) for section in page.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "n": section.name,
        "r": section.role.value.replace(" ", "-"),
        "o": section.offset,
        "s": section.size,
        "i": section.item,
        "t": section.note,
        "f": [[f.name, f.offset, f.size, f.value, f.doc, f.details] for f in section.fields],
    }

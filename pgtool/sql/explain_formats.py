"""EXPLAIN's formats beside text: JSON, XML and YAML of the same facts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

__all__ = ["FORMATS", "Number"]

_XMLNS = "http://www.postgresql.org/2009/explain"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#x0d;"}


class Number(str):
    """A number whose digits are to be kept."""

    __slots__ = ()


def _json(facts: dict[str, Any]) -> str:
    return "[\n  " + _json_value(facts, 1) + "\n]"


def _json_value(value: Any, depth: int) -> str:
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{pad}{json.dumps(k)}: {_json_value(v, depth + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + "  " * depth + "}"
    if isinstance(value, list):
        if not value:
            return "[\n" + "  " * depth + "]"
        if isinstance(value[0], dict):
            items = [pad + _json_value(v, depth + 1) for v in value]
            return "[\n" + ",\n".join(items) + "\n" + "  " * depth + "]"
        return "[" + ", ".join(_json_value(v, depth) for v in value) + "]"
    if isinstance(value, Number):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _yaml(facts: dict[str, Any]) -> str:
    return "- " + "\n".join(_yaml_lines(facts, "  "))[2:]


def _yaml_lines(facts: dict[str, Any], pad: str) -> list[str]:
    out: list[str] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            out += [f"{pad}{name}: ", *_yaml_lines(value, pad + "  ")]
        elif isinstance(value, list):
            out.append(f"{pad}{name}: ")
            for item in value:
                if isinstance(item, dict):
                    lines = _yaml_lines(item, pad + "    ")
                    out += [f"{pad}  - {lines[0].lstrip()}", *lines[1:]]
                else:
                    out.append(f"{pad}  - {_json_value(item, 0)}")
        else:
            out.append(f"{pad}{name}: {_json_value(value, 0)}")
    return out


def _xml(facts: dict[str, Any]) -> str:
    body = _xml_element("Query", facts, "  ")
    return "\n".join([f'<explain xmlns="{_XMLNS}">', *body, "</explain>"])


def _xml_element(name: str, value: Any, pad: str) -> list[str]:
    tag = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
    if isinstance(value, dict):
        inner = [line for k, v in value.items() for line in _xml_element(k, v, pad + "  ")]
    elif isinstance(value, list):
        inner = [
            line for item in value
            for line in _xml_element("Plan" if isinstance(item, dict) else "Item", item, pad + "  ")
        ]  # fmt: skip
    else:
        text = value if isinstance(value, str) else json.dumps(value)
        escaped = "".join(_ESCAPES.get(c, c) for c in text)
        return [f"{pad}<{tag}>{escaped}</{tag}>"]
    return [f"{pad}<{tag}>", *inner, f"{pad}</{tag}>"]


#: Format → how it is laid out, and the type of the answer (json, xml, text).
FORMATS: dict[str, tuple[Callable[[dict[str, Any]], str], int]] = {
    "json": (_json, 114), "xml": (_xml, 142), "yaml": (_yaml, 25),
}  # fmt: skip

r"""\watch: a statement again and again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from pgtool.cli.psql import results
from pgtool.errors import PgtoolError, UserError

__all__ = ["watch"]

_NAMES = {"i": "interval", "interval": "interval", "c": "count", "count": "count",
          "m": "min_rows", "min_rows": "min_rows"}  # fmt: skip


def _options(words: list[str], interval: float) -> tuple[float, int, int]:
    """(seconds between runs, runs or 0, least rows or 0)."""
    found: dict[str, float] = {}
    for word in words:
        key, equals, value = word.partition("=")
        name = _NAMES.get(key.lower()) if equals else "interval"
        if name is None:
            raise UserError(f'\\watch: unrecognized parameter "{key}"')
        if name in found:
            what = {"interval": "interval value", "count": "iteration count",
                    "min_rows": "minimum row count"}[name]  # fmt: skip
            raise UserError(f"\\watch: {what} is specified more than once")
        found[name] = _number(value if equals else word, name)
    return found.get("interval", interval), int(found.get("count", 0)), int(
        found.get("min_rows", 0))  # fmt: skip


def _number(text: str, name: str) -> float:
    try:
        value = float(text) if name == "interval" else int(text)
    except ValueError:
        value = -1
    if value < 0 or (value == 0 and name != "interval"):
        what = {"interval": "interval value", "count": "iteration count",
                "min_rows": "minimum row count"}[name]  # fmt: skip
        raise UserError(f'\\watch: incorrect {what} "{text}"')
    return value


def watch(runner: Any, text: str, words: list[str]) -> bool:
    """Run it until it was run often enough, an error, too few rows, or Ctrl-C."""
    interval, count, least = _options(words, float(runner.variables.get("WATCH_INTERVAL", "2")))
    if not text:
        raise UserError("\\watch cannot be used with an empty query")
    number = 0
    try:
        while not count or number < count:
            if number:
                time.sleep(interval)
            number += 1
            rows = _once(runner, text, interval)
            if rows is None:
                return False
            if rows < least:
                break
    except KeyboardInterrupt:
        print()
    return True


def _once(runner: Any, text: str, interval: float) -> int | None:
    """One run; its rows, None after an error."""
    style = runner.style
    now = time.strftime("%c")
    head = f"{style.title}\t{now}" if style.title else now
    title = f"{head} (every {interval:g}s)\n"
    count = 0
    try:
        with runner.cancellable():
            for outcome in runner.engine.run(text):
                if outcome.answer is None:
                    print(f"{now} (every {interval:g}s)\n\n{outcome.tag}\n", flush=True)
                    continue
                answer = outcome.answer
                count = runner.rows(answer.names, answer.types, answer.texts(),
                                    style=replace(style, title=title))  # fmt: skip
                runner.out.flush()
    except PgtoolError as error:
        runner.failed(error, text)
        return None
    results.succeeded(runner, count)
    return count

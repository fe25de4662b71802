"""Options whose order among each other counts: -c and -f are run as they come."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["OrderedOption", "in_order"]

_KEY = "pgtool.cli.ordered"


class OrderedOption(click.Option):
    """A repeatable option that notes where it stood among its kind."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        noted = ctx.meta.setdefault(_KEY, [])
        for name in self.opts:
            option = parser._long_opt.get(name) or parser._short_opt.get(name)
            option.process = self._noting(option.process, noted)

    def _noting(self, process: Any, noted: list[tuple[str | None, Any]]) -> Any:
        def call(value: Any, state: Any) -> None:
            noted.append((self.name, value))
            process(value, state)

        call.noting = True  # type: ignore[attr-defined]
        return process if getattr(process, "noting", False) else call


def in_order(ctx: click.Context) -> list[tuple[str, str]]:
    """(option, value) of each ordered option, as they came."""
    return list(ctx.meta.get(_KEY, ()))

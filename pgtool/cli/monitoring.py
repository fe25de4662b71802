"""What monitoring systems read: a Nagios plugin's line and Prometheus' text form.

The plugin's states and exit codes follow the Monitoring Plugins guidelines (0 OK, 1
WARNING, 2 CRITICAL, 3 UNKNOWN); the metrics are in the text-based exposition format, as
node_exporter's textfile collector takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click

UNKNOWN = 3
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


@contextmanager
def unknown_on_error(fmt: str) -> Iterator[None]:
    """In the ``nagios`` form any error is one line on standard output and exit code 3."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if fmt != "nagios":
            raise
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"UNKNOWN: {' '.join(said.split())}".replace("|", "/"))
        raise click.exceptions.Exit(UNKNOWN) from None


class PluginCommand(click.Command):
    """A command that may be run as a plugin, also where its arguments are wrong."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:  # fmt: skip
        """Read the arguments."""
        asked = "nagios" in args or "--format=nagios" in args
        with unknown_on_error("nagios" if asked else ""):
            return super().make_context(info_name, args, parent, **extra)


def nagios(
    what: str, state: int, text: str, data: Iterable[tuple[str, int]], out: TextIO
) -> int:
    """Print a plugin's line with performance data; returns its exit code."""
    shown = " ".join(f"{_label(name)}={value}" for name, value in data)
    line = f"{what} {STATES[state]}: {text}".replace("|", "/")
    out.write(f"{line} | {shown}\n" if shown else f"{line}\n")
    return int(state)


def _label(name: str) -> str:
    plain = name.replace("'", "''").replace("=", "_").replace("|", "/")
    return f"'{plain}'" if not plain.isalnum() else plain


def prometheus(
    metrics: Mapping[str, tuple[str, Callable[[Any], float]]],
    rows: Sequence[tuple[Mapping[str, str], Any]],
    out: TextIO,
) -> None:
    """Print gauges: metric → (help, value of a row), for rows of (labels, row)."""
    for name, (text, value) in metrics.items():
        out.write(f"# HELP {name} {text}\n# TYPE {name} gauge\n")
        for labels, row in rows:
            shown = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
            out.write(f"{name}{{{shown}}} {value(row)}\n")


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

"""``pgtool pageinspect``: pages, with the functions of the pageinspect extension."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from pgtool.cli import render
from pgtool.cli.options import format_option, pgdata_option
from pgtool.cli.recovery_options import as_of_options
from pgtool.errors import UserError

FORKS = ("main", "fsm", "vm", "init")
KINDS = (
    "heap", "sequence", "btree", "hash", "gist", "gin", "spgist", "brin", "fsm", "vm", "new",
)  # fmt: skip
MAX_HTML_PAGES = 64


@click.command(short_help="Look into a page, with pageinspect's functions.")
@pgdata_option(required=False)
@click.option(
    "--file", "path", metavar="PATH",
    help="The relation file, relative to the data directory if one is given.",
)  # fmt: skip
@click.option(
    "--relation", metavar="NAME",
    help="The relation by its name (needs -D and -d).",
)  # fmt: skip
@click.option(
    "-d", "--dbname", metavar="NAME", envvar="PGDATABASE",
    help="The database of --relation (default: $PGDATABASE).",
)  # fmt: skip
@click.option(
    "--fork", type=click.Choice(FORKS), default="main", show_default=True,
    help="The fork of --relation.",
)  # fmt: skip
@click.option(
    "--block", "spec", metavar="N|N-M|N-|all",
    help="The block or blocks (default: 0 where a function is for the meta page).",
)  # fmt: skip
@click.option(
    "--major", type=click.IntRange(14, 18), metavar="N",
    help="Speak the extension of this major (default: from PG_VERSION, else 18).",
)  # fmt: skip
@click.option(
    "--attributes", metavar="LIST",
    help="attlen and attalign of each attribute, as in 4i,-1i,8d.",
)  # fmt: skip
@click.option(
    "--detoast", is_flag=True,
    help="With heap_page_item_attrs: fetch and decompress values (needs --relation).",
)  # fmt: skip
@click.option("--explain", is_flag=True, help="Annotate the page field by field.")
@click.option(
    "--html", metavar="FILE", help="Write the annotated page to one self-contained HTML file.",
)  # fmt: skip
@click.option(
    "--kind", type=click.Choice(KINDS),
    help="The kind of page for --explain and --html (default: told from its bytes).",
)  # fmt: skip
@click.option("--list", "listing", is_flag=True, help="List the functions.")
@click.option(
    "--inconsistent", is_flag=True,
    help="With --relation: read a cluster that is running, crashed or half restored.",
)  # fmt: skip
@format_option("table", "csv", "json", "jsonl")
@click.argument("function", required=False)
@click.argument("args", nargs=-1)
@as_of_options()
def command(function: str | None, args: tuple[str, ...], **options: Any) -> int | None:
    """Look into pages of relation files with pageinspect's functions.

    FUNCTION is one of the extension's functions (see --list); without one, --explain or
    --html annotates the page. heap_tuple_infomask_flags takes two numbers: t_infomask and
    t_infomask2.
    """
    if options["listing"]:
        _list(options)
        return None
    if function == "heap_tuple_infomask_flags":
        _infomask(args, options["fmt"])
        return None
    if args:
        raise UserError(f'unexpected argument "{args[0]}"')
    explaining = options["explain"] or options["html"]
    if (function is None) != bool(explaining):
        raise UserError("give either a FUNCTION, or --explain or --html")
    source = _open(options)
    for problem in source.problems:
        click.echo(f"pgtool: warning: {problem}", err=True)
    if function is None:
        return _explain(source, options)
    _call(source, function, options)
    return None


def _open(options: dict[str, Any]) -> Any:
    from pgtool.inspect import source

    if (options["path"] is None) == (options["relation"] is None):
        raise UserError("give either --file or --relation")
    if options["path"] is not None:
        found = source.open_file(options["path"], options["pgdata"], options["major"])
    else:
        if options["pgdata"] is None or options["dbname"] is None:
            raise UserError("--relation needs a data directory (-D) and a database (-d)")
        found = source.open_relation(
            options["pgdata"], options["dbname"], options["relation"], options["fork"],
            inconsistent=options["inconsistent"],
        )  # fmt: skip
        found.major = options["major"] or found.major
    found.detoast = options["detoast"]
    if options["attributes"] is not None:
        found.attributes = source.parse_attributes(options["attributes"])
    return found


def _call(source: Any, name: str, options: dict[str, Any]) -> None:
    from pgtool.inspect.functions import find, rows_of

    function = find(name)
    columns = function.columns_of(source.major)
    spec = options["spec"] or ("0" if function.one_block else None)
    if spec is None:
        raise UserError("no block given: use --block N, N-M, N- or all")
    blocks = source.blocks(spec)
    several = len(blocks) > 1 and "blkno" not in columns
    if several:
        columns = ("blkno", *columns)

    def rows() -> Iterator[tuple[Any, ...]]:
        for block in blocks:
            for row in rows_of(function, source, block, notice=_notice):
                yield (source.base + block, *row) if several else row

    render.emit(columns, rows(), options["fmt"], command="pageinspect")


def _notice(text: str) -> None:
    click.echo(f"NOTICE:  {text}", err=True)


def _explain(source: Any, options: dict[str, Any]) -> int:
    from pgtool.inspect.explain import explain_block

    if options["spec"] is None:
        raise UserError("no block given: use --block N, N-M, N- or all")
    blocks = source.blocks(options["spec"])
    pages = (explain_block(source, block, options["kind"]) for block in blocks)
    if options["html"] is not None:
        if len(blocks) > MAX_HTML_PAGES:
            raise UserError(f"{len(blocks)} blocks are too many for one HTML file")
        found = list(pages)
        _write_html(options["html"], found)
        return 2 if any(page.problems for page in found) else 0
    return _print(pages, options["fmt"])


def _print(pages: Iterator[Any], fmt: str) -> int:
    from pgtool.inspect.pagemap import Printer

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = os.get_terminal_size().columns if sys.stdout.isatty() else 120
    status = 0
    if fmt == "csv":
        raise UserError("--explain has no CSV form: use json or jsonl")
    if fmt == "json":
        found = list(pages)
        render.emit_object({"pages": [p.as_dict() for p in found]}, command="pageinspect")
        return 2 if any(page.problems for page in found) else 0
    for number, page in enumerate(pages):
        if fmt == "jsonl":
            render.emit_line(page.as_dict())
        else:
            if number:
                click.echo()
            for line in Printer(colour, width).lines(page):
                click.echo(line)
        status = 2 if page.problems else status
    return status


def _write_html(path: str, pages: list[Any]) -> None:
    """Written aside and renamed, so that there is never half a file."""
    from pgtool.inspect.html import render_pages
    from pgtool.storage.aside import written_aside

    text = render_pages(pages)
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        raise UserError(f'directory "{directory}" does not exist')
    with written_aside(path) as file:
        file.write(text.encode())


def _infomask(args: tuple[str, ...], fmt: str) -> None:
    from pgtool.inspect.functions import INFOMASK_COLUMNS
    from pgtool.inspect.heap import heap_tuple_infomask_flags

    if len(args) != 2 or not all(arg.lstrip("-").isdigit() for arg in args):
        raise UserError("heap_tuple_infomask_flags takes two numbers: t_infomask, t_infomask2")
    row = heap_tuple_infomask_flags(int(args[0]) & 0xFFFF, int(args[1]) & 0xFFFF)
    render.emit(INFOMASK_COLUMNS, [row], fmt, command="pageinspect")


def _list(options: dict[str, Any]) -> None:
    from pgtool.inspect.functions import listing

    columns, rows = listing(options["major"] or 18)
    render.emit(columns, rows, options["fmt"], command="pageinspect")

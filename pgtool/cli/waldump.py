"""``pgtool waldump``: write-ahead log records, as pg_waldump shows them."""

from __future__ import annotations

import os
from typing import Any

import click

from formats.errors import UserError
from pgtool.cli.options import format_option, jobs_option

FORKS = ("main", "fsm", "vm", "init")
MAX_UINT32 = 0xFFFFFFFF


class WaldumpCommand(click.Command):
    """``--stats`` takes a value only after ``=``, as with getopt_long."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        stop = args.index("--") if "--" in args else len(args)
        args = ["--stats=rmgr" if a == "--stats" and i < stop else a for i, a in enumerate(args)]
        if not args:
            raise UserError("no arguments specified")
        return super().parse_args(ctx, args)


def _lsn(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    from formats.units import Lsn

    if value is None:
        return None
    try:
        return Lsn.parse(value) or None  # 0/0 is no position: as if it were not given
    except ValueError:
        raise UserError(f'invalid WAL location: "{value}"') from None


def _uint32(text: str) -> int | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return number if 0 <= number <= MAX_UINT32 else None


def _timeline(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    octal = value.startswith("0") and value.isdigit() and len(value) > 1
    try:
        number = int(value, 8 if octal else 0)
    except ValueError:
        raise UserError(f'invalid value "{value}" for option -t/--timeline') from None
    if not 1 <= number <= MAX_UINT32:
        raise UserError(f"-t/--timeline must be in range 1..{MAX_UINT32}")
    return number


def _block(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    number = None if value is None else _uint32(value)
    if value is not None and (number is None or number == MAX_UINT32):
        raise UserError(f'invalid block number: "{value}"')
    return number


def _fork(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    if value not in FORKS:
        raise UserError(f'invalid fork name: "{value}"')
    return FORKS.index(value)


def _limit(ctx: click.Context, param: click.Parameter, value: str | None) -> int:
    try:
        return int(value or 0)
    except ValueError:
        raise UserError(f'invalid value "{value}" for option -n/--limit') from None


def _relation(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int, int] | None:
    if value is None:
        return None
    numbers = [_uint32(part) for part in value.split("/")]
    if len(numbers) == 3 and None not in numbers and numbers[0] and numbers[2]:
        return (numbers[0] or 0, numbers[1] or 0, numbers[2] or 0)
    raise UserError(
        f'invalid relation specification: "{value}": '
        'expecting "tablespace OID/database OID/relation filenode"'
    )


def _xid(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    number = None if value is None else _uint32(value)
    if value is not None and number is None:
        raise UserError(f'invalid transaction ID specification: "{value}"')
    return number


def _rmgrs(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> frozenset[int] | None:
    from pgtool.inspect.waldump.managers import MANAGER_NAMES, manager_ids

    if any(value.lower() == "list" for value in values):
        click.echo("\n".join(MANAGER_NAMES))
        ctx.exit(0)
    return manager_ids(values) if values else None


def _stats(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value not in (None, "rmgr", "record"):
        raise UserError(f"unrecognized value for option --stats: {value}")
    return value


@click.command(cls=WaldumpCommand, context_settings={"help_option_names": ["-?", "-h", "--help"]})
@click.option("-b", "--bkp-details", is_flag=True,
              help="Output detailed information about backup blocks.")
@click.option("-B", "--block", metavar="N", callback=_block,
              help="With --relation, only show records that modify block N.")
@click.option("-D", "--pgdata", metavar="DIR",
              help="The data directory: read DIR/pg_wal. Without a start, all that it holds, "
              "across timelines.")
@click.option("-e", "--end", metavar="RECPTR", callback=_lsn,
              help="Stop reading at WAL location RECPTR.")
@click.option("-f", "--follow", is_flag=True, help="Keep retrying after reaching end of WAL.")
@click.option("-F", "--fork", metavar="FORK", callback=_fork,
              help="Only show records that modify blocks in fork FORK: main, fsm, vm or init.")
@click.option("-n", "--limit", metavar="N", callback=_limit, help="Number of records to display.")
@click.option("-p", "--path", metavar="PATH",
              help="Directory of WAL segment files, or with a pg_wal that contains them "
              "(default: current directory, ./pg_wal, $PGDATA/pg_wal).")
@click.option("-q", "--quiet", is_flag=True, help="Do not print any output, except for errors.")
@click.option("-r", "--rmgr", "rmids", metavar="RMGR", multiple=True, callback=_rmgrs,
              help="Only show records of resource manager RMGR; --rmgr=list lists them.")
@click.option("-R", "--relation", metavar="T/D/R", callback=_relation,
              help="Only show records that modify blocks in relation T/D/R.")
@click.option("-s", "--start", metavar="RECPTR", callback=_lsn,
              help="Start reading at WAL location RECPTR.")
@click.option("-t", "--timeline", metavar="TLI", callback=_timeline,
              help="Timeline from which to read WAL records "
              "(default: 1 or the value used in STARTSEG).")
@click.option("-w", "--fullpage", is_flag=True,
              help="Only show records with a full page write.")
@click.option("-x", "--xid", metavar="XID", callback=_xid,
              help="Only show records with transaction ID XID.")
@click.option("-z", "stats_flag", is_flag=True, help="Show statistics instead of records.")
@click.option("--stats", metavar="[=record]", callback=_stats,
              help="Show statistics instead of records (optionally, per record type).")
@click.option("--save-fullpage", metavar="DIR", help="Save full page images to DIR.")
@format_option("text", "jsonl")
@jobs_option()
@click.version_option(None, "-V", "--version", package_name="pgtool", prog_name="pgtool waldump")
@click.argument("segments", nargs=-1, metavar="[STARTSEG [ENDSEG]]")
def command(segments: tuple[str, ...], **given: Any) -> None:
    """Decode and display write-ahead log records, as pg_waldump of their major does."""
    if given["block"] is not None and given["relation"] is None:
        raise UserError("option -B/--block requires option -R/--relation to be specified")
    if len(segments) > 2:
        raise UserError(f'too many command-line arguments (first is "{segments[2]}")')
    from pgtool.inspect.waldump.dump import Options, dump, stdout
    from pgtool.inspect.waldump.filters import Filter
    from pgtool.inspect.waldump.images import prepare_directory
    from pgtool.inspect.waldump.target import resolve, whole_directory

    if given["save_fullpage"] is not None:  # before anything is looked for
        prepare_directory(given["save_fullpage"])
    path, pgdata = given["path"], given["pgdata"]
    if pgdata is not None and path is None:
        path = os.path.join(pgdata, "pg_wal")
    if pgdata is not None and not segments and given["start"] is None:
        target = whole_directory(path, given["end"], given["timeline"])
    else:
        target = resolve(path, segments, given["start"], given["end"], given["timeline"])
    options = Options(
        bkp_details=given["bkp_details"], follow=given["follow"], limit=given["limit"],
        quiet=given["quiet"], stats=given["stats"] or ("rmgr" if given["stats_flag"] else None),
        save_fullpage=given["save_fullpage"], fmt=given["fmt"], jobs=given["jobs"],
        filter=Filter(
            rmids=given["rmids"], xid=given["xid"], relation=given["relation"],
            block=given["block"], fork=given["fork"], fullpage=given["fullpage"],
        ),
    )  # fmt: skip
    dump(target, options, stdout(), lambda text: click.echo(f"pgtool: {text}", err=True))

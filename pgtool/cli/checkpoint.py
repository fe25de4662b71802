"""``pgtool checkpoint``: opens the directory as a server would, and shuts it down again."""

from __future__ import annotations

import click

from formats.units import Lsn
from pgtool.cli.maintenance import Log, maintenance_options, opened, writing
from pgtool.cli.options import pgdata_option


@click.command(short_help="Make a checkpoint: recover if need be, and shut down cleanly.")
@pgdata_option()
@maintenance_options
def command(pgdata: str, log: Log, lock_timeout: float) -> int:
    """Bring everything to disk and leave the cluster shut down, its WAL ended by a checkpoint.

    A cluster that crashed is recovered first. The exit status is 3 where a server has the
    directory open.
    """
    cluster = opened(pgdata, lock_timeout)
    with writing(cluster, lock_timeout) as instance:
        before = Lsn(instance.control.checkPoint)
    log.note(f"checkpoint at {Lsn(instance.control.checkPoint)} (the last one: {before})")
    return 0

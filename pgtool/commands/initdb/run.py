"""The whole of initdb, from options to a directory on which a server starts."""

from __future__ import annotations

import contextlib
import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pgtool.catalog.genesis.contents import Request, contents
from pgtool.catalog.genesis.files import FileMaker
from pgtool.commands.initdb import config, control
from pgtool.commands.initdb.databases import VERSION, write_databases
from pgtool.commands.initdb.directory import NewDirectory
from pgtool.commands.initdb.locales import Locales, settle
from pgtool.commands.initdb.options import Options, check, read_password_file
from pgtool.commands.initdb.passwords import stored_password
from pgtool.commands.initdb.textsearch import DEFAULT, configuration_of, configurations
from pgtool.commands.initdb.timezone import system_timezone
from pgtool.errors import UserError

MAJOR = 18
Say = Callable[[str], None]


def run(options: Options, say: Say, ask: Callable[[], str]) -> None:
    """Make the cluster. ``ask`` prompts for the superuser's password."""
    check(options)
    settings = checked_settings(options.settings)
    if options.pwfile:
        options.password = read_password_file(options.pwfile)
    locales = settle(options)
    options.text_search = _text_search(options.text_search, locales.lc["ctype"])
    say(_summary(options, locales))
    if options.pwprompt:
        options.password = ask()
    sync, group = options.sync, options.group_access
    place = NewDirectory(options.pgdata, options.waldir, group, sync)
    with _no_collecting(), _terminable(), place as where:
        rows = contents(_request(options, locales, settings))
        write_databases(FileMaker(rows), where, options.checksums)
        _write_config(options, locales, where)
        identity = control.new_identity(
            options.wal_segsize << 20, options.checksums, rows.next_oid, settings
        )
        name, page = control.first_segment(identity)
        where.write(f"pg_wal/{name}", page, identity.segment_size)
        for path, data in control.status_files().items():
            where.write(path, data)
        where.write("PG_VERSION", VERSION)
        where.write("global/pg_control", control.control_file(identity))
        where.sync()


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Half a million objects that all live until the end: looking for garbage finds none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP interrupt as Ctrl-C does, so that what was made is cleared away."""
    kinds = (signal.SIGTERM, signal.SIGHUP)
    before = []
    with contextlib.suppress(ValueError):  # not in the main thread: leave signals alone
        before = [signal.signal(kind, signal.default_int_handler) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before):
            signal.signal(kind, handler)


def _write_config(options: Options, locales: Locales, where: NewDirectory) -> None:
    files = {
        "postgresql.conf": config.postgresql_conf(options, locales, system_timezone()),
        "postgresql.auto.conf": config.auto_conf(),
        "pg_hba.conf": config.pg_hba_conf(options),
        "pg_ident.conf": config.pg_ident_conf(),
    }
    for name, text in files.items():
        where.write(name, text.encode())


def _request(options: Options, locales: Locales, settings: dict[str, Any]) -> Request:
    user = options.username or ""
    method = str(settings.get("password_encryption", "scram-sha-256"))
    if "md5" in (options.auth_local, options.auth_host):
        method = "md5"
    verifier = stored_password(options.password, user, method) if options.password else None
    return Request(
        user, verifier, locales.encoding.id, locales.provider, locales.lc["collate"],
        locales.lc["ctype"], locales.datlocale, locales.version, locales.collations,
    )  # fmt: skip


def checked_settings(given: tuple[str, ...]) -> dict[str, Any]:
    """``NAME=VALUE`` of ``-c``, each a setting that the server has, with a value it takes."""
    if not given:
        return {}
    from pgtool.functions.guc import Gucs

    gucs = Gucs(MAJOR)
    out: dict[str, Any] = {}
    for setting in given:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise UserError(f"-c {setting} requires a value")
        spec, out[name.strip().lower()] = gucs.read(name.strip(), value.strip())
        if spec.context == "internal":
            raise UserError(f'parameter "{spec.name}" cannot be changed')
    return out


def _text_search(given: str | None, ctype: str) -> str:
    """The text search configuration: what was asked for, else what the locale suggests."""
    if given is not None and given not in configurations():
        raise UserError(f'text search configuration "{given}" does not exist')
    return given or configuration_of(ctype) or DEFAULT


def _summary(options: Options, locales: Locales) -> str:
    """What is going to be made."""
    lc = locales.lc
    different = {c: v for c, v in lc.items() if v != lc["ctype"]}
    out = [f"Superuser {options.username}, encoding {locales.encoding.name}, locale {lc['ctype']}"]
    if locales.datlocale:
        out[0] += f" (builtin provider: {locales.datlocale})"
    out += [f"  lc_{category}: {value}" for category, value in different.items()]
    out.append(f"Text search configuration: {options.text_search}")
    out.append(f"Page checksums are {'on' if options.checksums else 'off'}.")
    return "\n".join(out)

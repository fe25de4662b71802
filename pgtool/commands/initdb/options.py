"""What was asked for, and what follows from it before a byte is written."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field

from pgtool.errors import UserError

LOCAL_METHODS = (
    "trust", "reject", "scram-sha-256", "md5", "password", "peer", "pam", "ldap", "radius",
    "oauth",
)  # fmt: skip
HOST_METHODS = (
    "trust", "reject", "scram-sha-256", "md5", "password", "ident", "gss", "pam", "ldap",
    "radius", "cert", "oauth",
)  # fmt: skip
PASSWORD_METHODS = ("scram-sha-256", "md5", "password")
CATEGORIES = ("collate", "ctype", "messages", "monetary", "numeric", "time")


@dataclass
class Options:
    """The command line."""

    pgdata: str
    username: str | None = None
    auth: str | None = None
    auth_local: str | None = None
    auth_host: str | None = None
    pwfile: str | None = None
    pwprompt: bool = False
    encoding: str | None = None
    locale: str | None = None
    lc: dict[str, str | None] = field(default_factory=dict)
    provider: str = "libc"
    builtin_locale: str | None = None
    checksums: bool = True
    wal_segsize: int = 16
    settings: tuple[str, ...] = ()
    waldir: str | None = None
    group_access: bool = False
    sync: bool = True
    text_search: str | None = None
    password: str | None = None


def check(options: Options) -> None:
    """Refuse what cannot be; SQL-free rules only."""
    size = options.wal_segsize
    if not 1 <= size <= 1024 or size & (size - 1):
        raise UserError("argument of --wal-segsize must be a power of two between 1 and 1024")
    if options.pwprompt and options.pwfile:
        raise UserError("password prompt and password file cannot be specified together")
    if options.waldir is not None and not os.path.isabs(options.waldir):
        raise UserError("WAL directory location must be an absolute path")
    if options.builtin_locale is not None and options.provider != "builtin":
        raise UserError(
            '--builtin-locale cannot be specified unless locale provider "builtin" is chosen'
        )
    name = options.username = options.username or account()
    if name.startswith("pg_"):
        raise UserError(
            f'superuser name "{name}" is disallowed; role names cannot begin with "pg_"'
        )
    if len(name.encode()) > 63:
        raise UserError(f'superuser name "{name}" is longer than 63 bytes')
    _check_methods(options)


def account() -> str:
    """The operating system's name of who runs this."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise UserError(f"could not look up effective user ID {os.geteuid()}") from None


def _check_methods(options: Options) -> None:
    """Settle the two methods; one of them may be the other's counterpart."""
    local, host = options.auth_local or options.auth, options.auth_host or options.auth
    if options.auth == "ident" and options.auth_local is None:
        local = "peer"
    if options.auth == "peer" and options.auth_host is None:
        host = "ident"
    for kind, method, known in (("local", local, LOCAL_METHODS), ("host", host, HOST_METHODS)):
        if method is not None and method not in known:
            raise UserError(
                f'invalid authentication method "{method}" for "{kind}" connections'
            )
    both = [local or "trust", host or "trust"]
    demands = [m in PASSWORD_METHODS for m in both]
    if all(demands) and not (options.pwprompt or options.pwfile or options.password):
        raise UserError(
            "must specify a password for the superuser to enable password authentication"
        )
    options.auth_local, options.auth_host = both


def trusting(options: Options, given: bool) -> bool:
    """Whether to warn that anybody may connect."""
    return not given and "trust" in (options.auth_local, options.auth_host)


def read_password_file(path: str) -> str:
    """The first line of a file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            line = file.readline()
    except OSError as error:
        raise UserError(f'could not open file "{path}" for reading: {error.strerror}') from None
    if not line:
        raise UserError(f'password file "{path}" is empty')
    return line.rstrip("\r\n")

"""A session: an open database, its catalogs, types, settings and clock.

What a connection is to a server: analysis, planning, execution and functions all get it.
Settings (GUCs) have PostgreSQL's names, defaults and units; :meth:`Session.set` checks
values as SET does, and what text forms depend on is passed on to the types.

A statement begins with :meth:`Session.start_statement`, which sets its clock and its
deadline; long loops call :meth:`Session.check`, which raises the error that
statement_timeout or a cancel request would give.
"""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import Any

from pgtool.catalog.cluster import Cluster
from pgtool.catalog.database import Database
from pgtool.catalog.lookups import CatalogLookups
from pgtool.catalog.settings import role_settings
from pgtool.catalog.syscache import SysCache
from pgtool.errors import PgtoolError, SqlError, UserError
from pgtool.functions.codec import codec_of
from pgtool.functions.guc import Gucs, Value
from pgtool.functions.guc_checks import CHECKS, split_identifiers
from pgtool.functions.user import (
    USER_SETTINGS,
    become,
    may_become,
    may_connect,
    may_use,
)
from pgtool.storage.conf import configured
from pgtool.types.info import Settings
from pgtool.types.registry import TypeRegistry

__all__ = ["Session"]

PG_CATALOG = 11
BOOTSTRAP_SUPERUSERID = 10
QUERY_CANCELED = "57014"
_EPOCH_2000 = 946684800
#: Setting → attribute of the types' settings that follows it.
_TYPE_SETTINGS = {
    "timezone": "timezone", "intervalstyle": "interval_style", "bytea_output": "bytea_output",
    "extra_float_digits": "extra_float_digits", "lc_monetary": "lc_monetary",
}  # fmt: skip
#: What a session keeps of the catalogs, here and in the layers above.
_FROM_CATALOGS = (
    "search_path", "is_superuser", "_sql_bodies", "_trees", "_domain_checks", "_checked_files",
    "_checked_blocks", "_blocks", "_touched_pages", "_view_queries", "_json_kinds",
    "_range_types", "_hash_functions", "_opcache", "_element_cmps", "_enum_orders",
    "_subtype_cmps", "_simple_views", "_enum_values",
)  # fmt: skip
_TYPES = frozenset({"pg_type", "pg_class", "pg_attribute", "pg_enum", "pg_range", "pg_proc"})


class Session:
    """One session on one database, reading a snapshot that does not change."""

    def __init__(
        self, database: Database, registry: TypeRegistry | None = None, user: str | None = None,
        options: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.database = database
        self.cache = SysCache(database)
        database.listeners.add(self)
        self.types = registry or TypeRegistry(
            Settings(major=database.cluster.major, encoding=database.encoding),
            CatalogLookups(database),
        )
        self._identify(user)
        self.gucs = Gucs(database.cluster.major, CHECKS, self._setting_changed)
        self._read_defaults(options or {})
        self.statement_time = self.transaction_time = time.time()
        self.in_transaction = False
        #: The transaction state once the session writes; None while it only reads.
        self.xact: Any = None
        #: Called by what has to write (nextval, say): upgrades the session.
        self.begin_writing: Any = None
        self.deadline: float | None = None
        self.cancel_requested = False
        #: How a function in LANGUAGE sql runs: set by the layer that can (pgtool.sql.rewrite).
        self.sql_function: Any = None
        #: ``check(typid, value)`` of a domain's constraints; the SQL layer gives it.
        self.check_domain: Any = None
        self.prepared: dict[str, Any] = {}
        self.types.domain_check = self._check_domain_text
        if user is not None:
            may_connect(self)

    @classmethod
    def open(
        cls, cluster: Cluster, dbname: str, user: str | None = None,
        options: dict[str, str] | None = None,
    ) -> Session:  # fmt: skip
        """A session on the database of this name; the bootstrap superuser's unless told."""
        return cls(cluster.database(dbname), user=user, options=options)

    def _identify(self, user: str | None) -> None:
        roles = self.database.cluster.roles
        if user is None:
            self.user_oid = BOOTSTRAP_SUPERUSERID
            self.user = roles.get(BOOTSTRAP_SUPERUSERID, "postgres")
        else:
            found = next((oid for oid, name in roles.items() if name == user), None)
            if found is None:
                raise UserError(f'role "{user}" does not exist')
            self.user_oid, self.user = found, user
        self.session_user_oid, self.session_user = self.user_oid, self.user
        #: Who logged in: SET SESSION AUTHORIZATION goes by that.
        self.login_oid = self.user_oid

    @cached_property
    def is_superuser(self) -> bool:
        """Whether the user may do everything."""
        row = self.cache.one("pg_authid", "oid", self.user_oid)
        return self.user_oid == BOOTSTRAP_SUPERUSERID or bool(row is not None and row.rolsuper)

    # -- settings ----------------------------------------------------------------------

    def _read_defaults(self, options: dict[str, str]) -> None:
        """Files, then ALTER SYSTEM, then ALTER DATABASE and ALTER ROLE, then the caller's."""
        cluster, database = self.database.cluster, self.database
        for name, value in self._facts().items():
            self.gucs.values[name] = self.gucs.defaults[name] = value
        found = configured(cluster.directory.backend)
        sources = [(found, "configuration file")]
        sources.append((role_settings(database, self.user_oid), "database user"))
        for values, source in sources:
            for name, text in values.items():
                try:
                    self.gucs.set_default(name, text, source)
                except PgtoolError:
                    # A file may hold what only its own server knows.
                    continue
        self._size_buffers()
        for name, text in options.items():
            self.gucs.set_default(name, text, "client")

    def _size_buffers(self) -> None:
        """Sizes that follow shared_buffers where they are not given."""
        shared = int(self.gucs.values["shared_buffers"])
        sizes = {"wal_buffers": (-1, min(max(shared // 32, 8), 2048))}
        for name in ("transaction", "subtransaction", "commit_timestamp"):
            sizes[f"{name}_buffers"] = (0, min(max(shared // 512, 16), 1024) // 16 * 16)
        for name, (unset, size) in sizes.items():
            if self.gucs.values.get(name) == unset:
                self.gucs.values[name] = self.gucs.defaults[name] = size

    def _facts(self) -> dict[str, Value]:
        """Settings that the directory itself determines."""
        database, cluster = self.database, self.database.cluster
        root = os.path.abspath(cluster.directory.backend.root)
        facts: dict[str, Value] = {
            "server_version": str(cluster.major), "server_version_num": cluster.major * 10000,
            "server_encoding": database.encoding.name, "client_encoding": database.encoding.name,
            "is_superuser": self.is_superuser, "session_authorization": self.user,
            "data_directory": root, "config_file": f"{root}/postgresql.conf",
            "hba_file": f"{root}/pg_hba.conf", "ident_file": f"{root}/pg_ident.conf",
            "transaction_read_only": False, "in_hot_standby": False, "timezone": "GMT",
            "archive_command": "(disabled)", "max_stack_depth": 2048,
            "timezone_abbreviations": "Default",
            "data_checksums": bool(cluster.directory.checksums),
        }  # fmt: skip
        for name in ("lc_collate", "lc_ctype"):
            if name in self.gucs.specs:
                facts[name] = str(database.row.get("dat" + name[3:], "C"))
        return {name: value for name, value in facts.items() if name in self.gucs.specs}

    def _setting_changed(self, name: str, value: Value) -> None:
        """Pass a setting on to whoever keeps a copy."""
        if name == "datestyle":
            self.settings.set_datestyle(str(value))
        elif name in USER_SETTINGS:
            become(self)
        elif name in _TYPE_SETTINGS:
            setattr(self.settings, _TYPE_SETTINGS[name], value)
        elif name == "search_path":
            self.search_path_changed()

    def search_path_changed(self) -> None:
        """The setting, the user or a schema changed: names are found anew."""
        self.__dict__.pop("search_path", None)
        lookups = self.types.lookups
        if isinstance(lookups, CatalogLookups):
            lookups.set_path(self.search_path)

    def get(self, name: str) -> Any:
        """A setting's value in its base unit: bool, int, float or str."""
        return self.gucs.get(name)

    def setting(self, name: str) -> Any:
        """The same as :meth:`get`, and None for a setting that there is not."""
        return self.gucs.values.get(name.lower())

    def set(self, name: str, value: str | None, is_local: bool = False) -> None:
        """SET name TO value (None: DEFAULT); SqlError as the server's."""
        spec = self.gucs.specs.get(name.lower())
        if spec is not None and spec.context == "superuser" and not self.is_superuser:
            raise SqlError(f'permission denied to set parameter "{spec.name}"', "42501")
        key = name.lower()
        if key not in USER_SETTINGS:
            self.gucs.set(name, value, is_local)
            return
        if value is not None:
            may_become(self, key, value)
        self.gucs.set(name, value, is_local)
        if key == "session_authorization":
            self.gucs.set("role", None, is_local)

    def show(self, name: str) -> str:
        """SHOW name."""
        return self.gucs.show(name)

    def reset(self, name: str) -> None:
        """RESET name."""
        self.set(name, None)

    def reset_all(self) -> None:
        """RESET ALL."""
        self.gucs.reset_all()

    @property
    def settings(self) -> Settings:
        """The settings that text forms depend on."""
        return self.types.settings

    @property
    def search_path_names(self) -> list[str]:
        """search_path as names."""
        return split_identifiers(str(self.gucs.values["search_path"])) or []

    @cached_property
    def search_path(self) -> list[int]:
        """Schema OIDs in the order of look-up; pg_catalog is searched first if not named."""
        named: list[int] = []
        for name in self.search_path_names:
            oid = self.cache.namespace_oid(self.user if name == "$user" else name)
            if oid is not None and oid not in named and may_use(self, oid):
                named.append(oid)
        return named if PG_CATALOG in named else [PG_CATALOG, *named]

    # -- time and cancelling -------------------------------------------------------------

    @property
    def now(self) -> int:
        """now() in microseconds since 2000-01-01 UTC: the start of the transaction."""
        return _microseconds(self.transaction_time)

    @property
    def statement_now(self) -> int:
        """statement_timestamp(), likewise."""
        return _microseconds(self.statement_time)

    @staticmethod
    def clock() -> int:
        """clock_timestamp(), likewise."""
        return _microseconds(time.time())

    def start_statement(self) -> None:
        """Set the statement's clock and deadline."""
        self.statement_time = time.time()
        if not self.in_transaction:
            self.transaction_time = self.statement_time
        self.settings.now = self.transaction_time
        self.cancel_requested = False
        timeout = int(self.gucs.values["statement_timeout"])
        self.deadline = time.monotonic() + timeout / 1000 if timeout > 0 else None

    def cancel(self) -> None:
        """Ask the running statement to stop (from a signal handler or another thread)."""
        self.cancel_requested = True

    def check(self) -> None:
        """Raise if the statement was cancelled or ran out of time."""
        if self.cancel_requested:
            self.cancel_requested = False
            raise SqlError("canceling statement due to user request", QUERY_CANCELED)
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.deadline = None
            raise SqlError("canceling statement due to statement timeout", QUERY_CANCELED)

    # -- transactions --------------------------------------------------------------------

    def begin(self) -> None:
        """BEGIN: now() stays, SET LOCAL lasts until the end."""
        self.in_transaction = True
        self.transaction_time = time.time()
        self.gucs.begin()

    @property
    def in_block(self) -> bool:
        """Whether statements are one transaction with others: in a block, or in one text."""
        return self.in_transaction or self.gucs.begun

    def commit(self) -> None:
        """COMMIT."""
        self.in_transaction = False
        self.gucs.commit()

    def rollback(self) -> None:
        """ROLLBACK: settings go back too."""
        self.in_transaction = False
        self.gucs.rollback()

    # -- catalogs ------------------------------------------------------------------------

    def invalidate(self, names: frozenset[str] | None) -> None:
        """These catalogs changed (None: anything may have): forget what was made of them."""
        for kept in _FROM_CATALOGS:
            self.__dict__.pop(kept, None)
        if names is None or names & _TYPES:
            self.types.forget()
        if names is None or "pg_namespace" in names:
            self.search_path_changed()

    def _check_domain_text(self, typid: int, datum: bytes | None) -> None:
        """A value of a domain was read as a part of an array or row, say."""
        if self.check_domain is not None:
            value = None if datum is None else codec_of(self.types, typid).decode(datum)
            self.check_domain(typid, value)

    def row(self, catalog: str, oid: int) -> Any:
        """A catalog row by OID."""
        return self.cache.one(catalog, "oid", oid)


def _microseconds(seconds: float) -> int:
    # The same rounding as the literal 'now' gets, so that the two are equal.
    return round(seconds * 1_000_000) - _EPOCH_2000 * 1_000_000

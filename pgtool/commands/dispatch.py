"""Parse node → the function that runs it: the commands that change catalogs."""

from __future__ import annotations

import importlib
from typing import Any

from pgtool.errors import Unsupported
from pgtool.sql.answer import Outcome

__all__ = ["COMMANDS", "run"]

COMMANDS = {
    "CreateStmt": "tablecmds:create", "IndexStmt": "indexcmds:create",
    "CreateSeqStmt": "sequence:create", "AlterSeqStmt": "sequence:alter",
    "CreateSchemaStmt": "schemacmds:create", "ViewStmt": "view:create",
    "DropStmt": "dropcmds:drop", "CreateEnumStmt": "typecmds:create_enum",
    "AlterEnumStmt": "typecmds:alter_enum", "CompositeTypeStmt": "typecmds:create_composite",
    "CreateDomainStmt": "domaincmds:create", "AlterDomainStmt": "domaincmds:alter",
    "CommentStmt": "comment:comment", "RenameStmt": "rename:rename",
    "AlterOwnerStmt": "owner:alter_owner", "AlterTableStmt": "altertable:alter",
    "AlterObjectSchemaStmt": "alterschema:alter", "TruncateStmt": "truncate:truncate",
    "CreateTableAsStmt": "createas:create", "RefreshMatViewStmt": "createas:refresh",
    "CreatedbStmt": "dbcommands:create",
    "DropdbStmt": "dbcommands:drop", "AlterDatabaseStmt": "dbcommands:alter",
    "VacuumStmt": "vacuum:vacuum",
    "ReindexStmt": "reindex:reindex", "CheckPointStmt": "checkpoint:checkpoint",
    "AlterRoleStmt": "user:alter_role", "GrantRoleStmt": "user:grant_role",
    "AlterRoleSetStmt": "rolesettings:alter_role_set",
    "AlterDatabaseSetStmt": "rolesettings:alter_database_set",
    "GrantStmt": "grant:grant", "CreateRoleStmt": "user:create_role",
    "DropRoleStmt": "user:drop_role",
}  # fmt: skip


def run(engine: Any, raw: Any, text: str) -> Outcome:
    """Run one statement."""
    place = COMMANDS.get(type(raw).__name__)
    if place is None:
        raise Unsupported(type(raw).__name__)
    module, _, name = place.partition(":")
    found = importlib.import_module(f"pgtool.commands.{module}")
    outcome: Outcome = getattr(found, name)(engine, raw, text)
    return outcome

"""Who a session is: the user that SET ROLE and SET SESSION AUTHORIZATION make it.

The two settings hold names; :func:`become` follows them whenever one changes, also when a
transaction's end puts an old value back. Privileges are asked of
:mod:`pgtool.functions.sysfuncs.acl`, which stands on sessions: hence the late imports.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgtool.errors import SqlError

if TYPE_CHECKING:
    from pgtool.functions.session import Session

__all__ = ["USER_SETTINGS", "acting_as", "become", "may_become", "may_connect", "may_use"]

USER_SETTINGS = frozenset({"role", "session_authorization"})
_NONE = "none"


def become(session: Session) -> None:
    """Take on the user that the settings say."""
    values = session.gucs.values
    name, role = str(values["session_authorization"]), str(values["role"])
    session_user = _role_oid(session, name)
    user = session_user if role == _NONE else _role_oid(session, role)
    if session_user is None or user is None:
        return
    session.session_user_oid, session.session_user = session_user, name
    session.user_oid, session.user = user, name if role == _NONE else role
    session.__dict__.pop("is_superuser", None)
    values["is_superuser"] = session.is_superuser
    session.search_path_changed()


def may_become(session: Session, setting: str, name: str) -> None:
    """SqlError where the user may not take on a role."""
    from pgtool.functions.sysfuncs.acl import is_member, is_superuser

    if setting == "role" and name == _NONE:
        return
    oid = _role_oid(session, name)
    if oid is None:
        raise SqlError(f'role "{name}" does not exist', "22023")
    if setting == "role":
        allowed = is_member(session, session.session_user_oid, oid, "set_option")
    else:
        allowed = oid == session.login_oid or is_superuser(session, session.login_oid)
    if not allowed:
        words = setting.replace("_", " ")
        raise SqlError(f'permission denied to set {words} "{name}"', "42501")


def may_connect(session: Session) -> None:
    """SqlError where the role is not one that opens sessions, or not on this database."""
    role = session.cache.one("pg_authid", "oid", session.user_oid)
    if role is not None and not role.rolcanlogin:
        raise SqlError(f'role "{session.user}" is not permitted to log in', "28000")
    if session.is_superuser:
        return
    from pgtool.functions.sysfuncs.privileges import KINDS, check

    database = session.database
    if not check(session, KINDS["database"], session.user_oid, database.oid, "CONNECT"):
        raise SqlError(f'permission denied for database "{database.name}"', "42501",
                       "User does not have CONNECT privilege.")  # fmt: skip


def may_use(session: Session, namespace: int) -> bool:
    """Whether a schema of the search path counts: the user has USAGE on it."""
    if session.is_superuser:
        return True
    from pgtool.functions.sysfuncs.privileges import KINDS, check

    return bool(check(session, KINDS["schema"], session.user_oid, namespace, "USAGE"))


@contextmanager
def acting_as(session: Session, role: int) -> Iterator[None]:
    """Be another role for what the engine does in its name."""
    before = session.user_oid
    session.user_oid = role
    session.__dict__.pop("is_superuser", None)
    try:
        yield
    finally:
        session.user_oid = before
        session.__dict__.pop("is_superuser", None)


def _role_oid(session: Session, name: str) -> int | None:
    row = session.cache.one("pg_authid", "rolname", name)
    return None if row is None else int(row.oid)

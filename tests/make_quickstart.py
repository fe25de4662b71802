"""Write `fixtures/18/quickstart.tar.xz`: a whole small data directory, shut down cleanly.

`tests/quickstart.sh` unpacks it and looks into it; a real server of that major starts on it.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from pathlib import Path

from tests import fixtures
from tests.fixture_capture import in_use
from tests.servers import cluster

MAJOR = 18
TARGET = fixtures.ROOT / str(MAJOR) / "quickstart.tar.xz"
DEMO = """
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, born date, notes jsonb);
INSERT INTO customer SELECT g, 'customer ' || g, date '1970-01-01' + g * 17,
  jsonb_build_object('tier', g % 3, 'tags', jsonb_build_array('a' || g % 5, 'b'))
  FROM generate_series(1, 200) g;
CREATE TABLE purchase (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id int NOT NULL REFERENCES customer, amount numeric(10, 2), made timestamptz);
INSERT INTO purchase (customer_id, amount, made) SELECT 1 + g % 200, g * 1.25,
  timestamptz '2024-01-01 00:00+00' + g * interval '1 hour' FROM generate_series(1, 1000) g;
CREATE INDEX purchase_customer ON purchase (customer_id);
CREATE INDEX customer_notes ON customer USING gin (notes);
CREATE VIEW spent AS SELECT name, sum(amount) FROM customer JOIN purchase ON customer_id =
  customer.id GROUP BY name;
UPDATE purchase SET amount = amount + 1 WHERE id % 50 = 0;
DELETE FROM purchase WHERE id % 97 = 0;
"""


def _members(root: Path) -> bytes:
    """A tar of the directory, without times and owners and without WAL that was recycled."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(root.rglob("*"), key=lambda p: (p.name, str(p))):
            name = str(path.relative_to(root))
            if path.name in ("postmaster.opts", "log"):
                continue
            if path.parent.name == "pg_wal" and len(path.name) == 24 and not in_use(path):
                continue
            info = tarfile.TarInfo("quickstart/" + name)
            info.mode = 0o700 if path.is_dir() else 0o600
            if path.is_dir():
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
                continue
            data = _portable(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _portable(path: Path) -> bytes:
    """A file as it is, but for the settings that only hold where the directory was made."""
    data = path.read_bytes()
    if path.name != "postgresql.conf":
        return data
    lines = data.decode().split("\n")
    return "\n".join(x for x in lines if not x.startswith(
        ("unix_socket_directories =", "port =", "fsync ="))).encode()


def main() -> int:
    """Make the directory and pack it; how many bytes it takes."""
    conf = {"wal_keep_size": "2MB", "wal_recycle": "off", "full_page_writes": "off",
            "max_wal_size": "8MB", "min_wal_size": "2MB"}
    with cluster(MAJOR, initdb_args=["--wal-segsize=1", "--data-checksums"], conf=conf) as server:
        server.psql("CHECKPOINT; SELECT pg_switch_wal(); CHECKPOINT")
        server.psql("CREATE DATABASE demo STRATEGY file_copy")
        server.psql(DEMO, "demo")
        server.psql("VACUUM ANALYZE", "demo")
        server.stop()
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 2,
                    "pb": 2}]
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_bytes(lzma.compress(_members(server.data), filters=filters))
    return TARGET.stat().st_size


if __name__ == "__main__":
    print(f"{TARGET}: {main():,} bytes")

#!/bin/sh
# What `make quickstart` shows: a small data directory that PostgreSQL 18 wrote, and what pgtool
# sees in it without any server. Usage: quickstart.sh PGTOOL
set -eu

pgtool=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")/.." && pwd)
python=$(dirname "$pgtool")/python
[ -x "$python" ] || python=python3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
"$python" -m tarfile -e "$here/fixtures/18/quickstart.tar.xz" "$work" 2>/dev/null
cd "$work"
PGDATA=quickstart
export PGDATA

show() {
    printf '\n$ pgtool %s\n' "$*"
    "$pgtool" "$@"
}

echo "A data directory of PostgreSQL 18 (no server runs on it):"
show controldata | sed -n '1,12p'
show ls
show ls demo
customer=$("$pgtool" ls demo --format csv | awk -F, '$0 ~ /,customer,/ { print; exit }')
[ -n "$customer" ] || { echo "the table customer is missing" >&2; exit 1; }
first=$(ls pg_wal 2>/dev/null || ls quickstart/pg_wal)
first=$(printf '%s\n' "$first" | grep -E '^[0-9A-F]{24}$' | head -n 1)
last=$(ls quickstart/pg_wal | grep -E '^[0-9A-F]{24}$' | tail -n 1)
show checksums --check
show waldump --stats -p quickstart/pg_wal "$first" "$last" | sed -n '1,30p' || true

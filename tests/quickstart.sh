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
"$python" -W ignore -m tarfile -e "$here/fixtures/18/quickstart.tar.xz" "$work"
cd "$work"
PGDATA=$work/quickstart
export PGDATA

# show LINES COMMAND…: the command as a user would type it, and the start of what it prints.
show() {
    lines=$1
    shift
    printf '\n$ pgtool %s\n' "$*"
    "$pgtool" "$@" >out
    head -n "$lines" out
    if [ "$(wc -l <out)" -gt "$lines" ]; then echo "  …"; fi
}

cd quickstart/pg_wal
wal=$(ls | grep -E '^[0-9A-F]{24}$')
first=$(printf '%s\n' "$wal" | head -n 1)
last=$(printf '%s\n' "$wal" | tail -n 1)
end=$("$pgtool" controldata | sed -n 's/^Latest checkpoint location: *//p')
cd "$work"

echo "A data directory that PostgreSQL 18 wrote; no server runs here. (PGDATA is set to it.)"
show 8 controldata
show 20 ls
show 20 ls -d demo
show 8 pageinspect heap_page_items -d demo --relation customer --block 0
show 24 pageinspect --explain -d demo --relation purchase_pkey --block 1
show 30 waldump -p quickstart/pg_wal --stats --end "$end" "$first" "$last"
show 10 checksums --check

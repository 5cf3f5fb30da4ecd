"""DuckDB and pyarrow find in segments the rows that were written.

The folder has segments under the keys of the archive, and in rows.jsonl what was
written, as the program that wrote them says it without Parquet.
It also computes each leaf, and each checksum of the block, from the documents alone.
"""

import collections
import glob
import hashlib
import json
import re
import struct
import sys

import duckdb
import pyarrow.parquet

from rows import COLUMNS, moment, plain, written


def crc_table():
    """CRC-32C, bit by bit for each byte."""
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


CRC = list(crc_table())


def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ CRC[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF


def tiles(file):
    """The tiles of a file's block, as docs/segment.md describes it; every checksum is right."""
    with open(file, "rb") as opened:
        data = opened.read()
    (length,) = struct.unpack("<I", data[-8:-4])
    footer = len(data) - 8 - length
    size, own = struct.unpack("<II", data[footer - 8 : footer])
    block = data[footer - size : footer]
    assert crc(block[:-4]) == own and block[:8] == b"PALSEG01", file
    (count,) = struct.unpack("<I", block[8:12])
    found = [block[12 + 32 * n : 44 + 32 * n] for n in range(count)]
    rest = block[12 + 32 * count :]
    (count,) = struct.unpack("<I", rest[:4])
    at = 0
    for n in range(count):
        length, part = struct.unpack("<II", rest[4 + 8 * n : 12 + 8 * n])
        assert crc(data[at : at + length]) == part, (file, at)
        at += length
    assert at == footer - size, file
    assert struct.unpack("<I", rest[4 + 8 * count :][:4])[0] == crc(data[footer:]), file
    return found


def canonical(value):
    """The rows have no name and no number for which Python's JSON differs from docs/proofs.md."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf(row):
    """The hash of a row's leaf, as docs/proofs.md describes it."""
    text = lambda ms: moment(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"
    hidden = {"customer_name": row["customer_name"], "details": row["details"] and json.loads(row["details"])}
    hidden = canonical({name: value for name, value in hidden.items() if value is not None})
    public = {
        "action": row["action"],
        "actor": {"id": row["actor_id"], "kind": row["actor_kind"], "name": row["actor_name"]},
        "correlation_id": row["correlation_id"],
        "customer": row["customer_id"] and {"id": row["customer_id"]},
        "hidden": row["c"] or hashlib.sha256(bytes.fromhex(row["salt"]) + hidden).hexdigest(),
        "id": row["id"],
        "occurred_at": text(row["occurred_at"]),
        "outcome": row["outcome"],
        "partner_id": row["partner"],
        "recorded_at": text(row["recorded_at"]),
        "resource": row["resource_id"] and {"id": row["resource_id"], "type": row["resource_type"]},
    }
    public = {name: value for name, value in public.items() if value is not None}
    return hashlib.sha256(b"\0" + canonical(public)).digest()


def root(hashes):
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2])
        hashes = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
    return hashes[0]


def check_tiles(file, rows):
    leaves = {row["index"]: leaf(row) for row in rows}
    starts = [index for index in leaves if index % 256 == 0 and index + 255 in leaves]
    wanted = [root([leaves[index] for index in range(start, start + 256)]) for start in starts]
    assert tiles(file) == wanted, file
    return len(wanted)


def main(folder):
    expected = written(folder)
    files = sorted(glob.glob(f"{folder}/archive/v1/*/*/*.parquet"))
    assert len(files) > 2, files

    read, checked = [], 0
    for file in files:
        with open(file, "rb") as opened:
            table = pyarrow.parquet.read_table(opened)
        assert table.column_names == COLUMNS, table.column_names
        of_key = re.search("/partner=(?P<partner>[^/]+)/month=(?P<month>[^/]+)/", file).groupdict()
        rows = [plain(row) | of_key for row in table.to_pylist()]
        checked += check_tiles(file, rows)
        read += rows
    assert read == expected
    by_filter = pyarrow.parquet.read_table(
        f"{folder}/archive/v1", partitioning="hive", filters=[("customer_id", "==", "c-1"), ("month", "==", "2026-11")]
    )

    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    every = f"read_parquet('{folder}/archive/v1/*/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
    names = [*COLUMNS, "partner", "month"]
    columns = ", ".join(f'"{name}"' for name in names)
    found = database.execute(f'SELECT {columns} FROM {every} ORDER BY partner, "index"').fetchall()
    assert [plain(dict(zip(names, row))) for row in found] == expected

    november = [row for row in expected if row["month"] == "2026-11"]
    wanted = [row for row in november if row["customer_id"] == "c-1"]
    assert by_filter.num_rows == len(wanted) > 0
    # Bloom filters, statistics and dictionaries are used where there is a condition.
    for name in ("customer_id", "resource_id", "correlation_id", "action"):
        for value in {row[name] for row in expected} | {"absent"}:
            (count,) = database.execute(
                f"SELECT count(*) FROM {every} WHERE {name} = ? AND month = '2026-11'", [value]
            ).fetchone()
            assert count == sum(row[name] == value for row in november if value is not None), (name, value)
    counts = database.execute(
        f"SELECT action, strftime(occurred_at, '%Y-%m-%d') AS day, count(*) FROM {every} GROUP BY ALL"
    ).fetchall()
    wanted = collections.Counter((row["action"], moment(row["occurred_at"]).strftime("%Y-%m-%d")) for row in expected)
    assert {(action, day): count for action, day, count in counts} == wanted
    print(f"duckdb {duckdb.__version__} and pyarrow {pyarrow.__version__}: {len(expected)} rows in {len(files)} files, {checked} tiles of leaves")


main(sys.argv[1])

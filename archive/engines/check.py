"""DuckDB and pyarrow find in segments the rows that were written.

The folder has segments under the keys of the archive, and in rows.jsonl what was
written, as the program that wrote them says it without Parquet.
"""

import datetime
import glob
import json
import sys

import duckdb
import pyarrow.parquet

COLUMNS = """
    index occurred_at recorded_at id action outcome actor_id actor_name actor_kind customer_id
    customer_name resource_type resource_id correlation_id has_details kept_until erased_at
    salt c details
""".split()
TIMES = ("occurred_at", "recorded_at", "kept_until", "erased_at")
BYTES = ("salt", "c")


def plain(row):
    """A row of an engine in the form of rows.jsonl."""
    for name in TIMES:
        if row[name] is not None:
            moment = row[name].astimezone(datetime.timezone.utc)
            row[name] = (moment - EPOCH) // datetime.timedelta(milliseconds=1)
    for name in BYTES:
        if row[name] is not None:
            row[name] = row[name].hex()
    return row


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def main(folder):
    with open(f"{folder}/rows.jsonl", encoding="utf-8") as lines:
        written = [json.loads(line) for line in lines]
    files = sorted(glob.glob(f"{folder}/archive/v1/*/*/*.parquet"))
    assert len(files) > 2, files

    read = []
    for file in files:
        with open(file, "rb") as opened:
            table = pyarrow.parquet.read_table(opened)
        assert table.column_names == COLUMNS, table.column_names
        read += [plain(row) for row in table.to_pylist()]
    assert read == written
    by_filter = pyarrow.parquet.read_table(
        f"{folder}/archive/v1", partitioning="hive", filters=[("customer_id", "==", "c-1"), ("month", "==", "2026-11")]
    )

    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    every = f"read_parquet('{folder}/archive/v1/*/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    found = database.execute(f'SELECT {columns} FROM {every} ORDER BY "index"').fetchall()
    assert [plain(dict(zip(COLUMNS, row))) for row in found] == written

    november = [row for row in written if row["occurred_at"] >= 1793491200000]
    wanted = [row for row in november if row["customer_id"] == "c-1"]
    assert by_filter.num_rows == len(wanted) > 0
    # Bloom filters, statistics and dictionaries are used where there is a condition.
    for name in ("customer_id", "resource_id", "correlation_id", "action"):
        for value in {row[name] for row in written} | {"absent"}:
            (count,) = database.execute(
                f"SELECT count(*) FROM {every} WHERE {name} = ? AND month = '2026-11'", [value]
            ).fetchone()
            assert count == sum(row[name] == value for row in november if value is not None), (name, value)
    counts = database.execute(
        f"SELECT action, strftime(occurred_at, '%Y-%m-%d') AS day, count(*) FROM {every} GROUP BY ALL"
    ).fetchall()
    expected = {}
    for row in written:
        day = EPOCH + datetime.timedelta(milliseconds=row["occurred_at"])
        key = (row["action"], day.strftime("%Y-%m-%d"))
        expected[key] = expected.get(key, 0) + 1
    assert {(action, day): count for action, day, count in counts} == expected
    print(f"duckdb {duckdb.__version__} and pyarrow {pyarrow.__version__}: {len(written)} rows in {len(files)} files")


main(sys.argv[1])

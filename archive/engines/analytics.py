"""The statements and programs of docs/analytics.md do what the page says.

Each is taken out of the page and run over the segments of the folder, with the folder in
the place of the bucket.
The statements for Athena are parsed in its dialect; the table is compared with the files'
schema and put in front of them in DuckDB, and the view and the queries are run there.
What needs an AWS account is only parsed: commands of the AWS CLI, policies, the secret.
"""

import collections
import contextlib
import csv
import datetime
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import duckdb
import pandas
import pyarrow.parquet
import sqlglot

from rows import moment, plain, plain_value, written

PAGE = pathlib.Path(__file__).parents[2] / "docs/analytics.md"

# The types that Athena has for what the files have.
TYPES = {
    ("INT64", "None"): "BIGINT",
    ("INT64", "Timestamp, UTC, milliseconds"): "TIMESTAMP",
    ("BYTE_ARRAY", "String"): "TEXT",
    ("BOOLEAN", "None"): "BOOLEAN",
    ("FIXED_LEN_BYTE_ARRAY", "None"): "BINARY",
}

# Changes of the table, each of which must be noticed.
WRONG_TABLES = [
    ("customer_name string", "customer string"),
    ("kept_until timestamp", "kept_until bigint"),
    ("salt binary", "salt string"),
    ("  c binary,\n", ""),
    ("  details string\n", "  details string,\n  hidden string\n"),
    ("month string", "months string"),
]


class Page:
    """The blocks of a page; each is taken once, by its section and language."""

    def __init__(self, text):
        self.blocks = collections.defaultdict(list)
        section = None
        for found in re.finditer(r"^## (.+?)$|^```(\w+)\n(.*?)^```$", text, re.M | re.S):
            if found[1]:
                section = found[1]
            else:
                self.blocks[section, found[2]].append(found[3])
        self.count = sum(map(len, self.blocks.values()))

    def take(self, section, language):
        return self.blocks.pop((section, language))


class Written:
    """The rows that were written, as the API shows them."""

    def __init__(self, folder):
        self.rows = written(folder)
        now = datetime.datetime.now(datetime.timezone.utc)
        self.kept = [row for row in self.rows if row["kept_until"] is None or moment(row["kept_until"]) > now]
        assert len(self.kept) < len(self.rows) and any(row["erased_at"] for row in self.kept)

    def of(self, partner, months, kept=True):
        rows = self.kept if kept else self.rows
        return [row for row in rows if row["partner"] == partner and row["month"] in months]


def columns_of(table):
    """The names and types that a statement declares, without and with partitions."""
    partitions = table.find(sqlglot.exp.PartitionedByProperty)
    return [
        [(column.name, column.kind.this.name) for column in schema.expressions]
        for schema in (table.this, partitions.this)
    ]


def type_of(column):
    """The physical and the logical type of a column of a file."""
    logical = json.loads(column.logical_type.to_json())
    name = logical["Type"]
    if name == "Timestamp":
        name += f', {"UTC" if logical["isAdjustedToUTC"] else "local"}, {logical["timeUnit"]}'
    return column.physical_type, name


def differences(statement, file):
    """What the table of a statement and a file do not have in common."""
    schema = pyarrow.parquet.ParquetFile(file).schema
    columns = [schema.column(n) for n in range(len(schema))]
    columns = [(column.name, TYPES[type_of(column)]) for column in columns]
    partitions = [(name, "TEXT") for name in re.findall(r"/(\w+)=", str(file))]
    pairs = zip((columns, partitions), columns_of(sqlglot.parse_one(statement, read="athena")))
    pairs = itertools.chain.from_iterable(itertools.zip_longest(*both) for both in pairs)
    return [f"{has} is declared as {declared}" for has, declared in pairs if has != declared]


def check_table(statement, folder):
    """The table has the columns of every file, and projects the partitions that there are."""
    files = sorted(folder.glob("archive/v1/*/*/*.parquet"))
    for file in files:
        assert differences(statement, file) == [], file
    for right, wrong in WRONG_TABLES:
        assert right in statement and differences(statement.replace(right, wrong), files[0]), wrong

    table = sqlglot.parse_one(statement, read="athena")
    location = table.find(sqlglot.exp.LocationProperty).this.name
    assert location == f"{folder}/archive/v1/", location
    properties = table.args["properties"].expressions
    properties = {each.this.name: each.args["value"].name for each in properties if type(each) is sqlglot.exp.Property}
    first, last = properties.pop("projection.month.range").split(",")
    assert last == "NOW" and all(first <= file.parent.name.removeprefix("month=") for file in files)
    assert re.fullmatch("[0-9]{4}-[0-9]{2}", first)
    assert properties == {
        "projection.enabled": "true",
        "projection.partner.type": "injected",
        "projection.month.type": "date",
        "projection.month.format": "yyyy-MM",
    }


def in_duckdb(statement, folder):
    """The table of a statement, with its types, as a view of DuckDB over the files."""
    columns, partitions = columns_of(sqlglot.parse_one(statement, read="athena"))
    # Athena has no time zone in a timestamp, and shows it in UTC.
    value = lambda name, kind: f"\"{name}\" AT TIME ZONE 'UTC'" if kind == "TIMESTAMP" else f'CAST("{name}" AS {kind})'
    names = ", ".join(f'{value(name, kind)} AS "{name}"' for name, kind in columns + partitions)
    return f"""CREATE VIEW segments AS SELECT {names}, filename AS "$path" FROM read_parquet(
        '{folder}/archive/v1/*/*/*.parquet', filename = true, hive_partitioning = true, hive_types_autocast = false)"""


def shown(row):
    """A row by the API's names, without what only serves proofs and retention."""
    row = {name: row[name] for name in row if name not in ("index", "kept_until", "salt", "c")}
    return {"partner_id": row.pop("partner")} | row


def found(database, statement):
    """The rows of a statement."""
    answer = database.execute(statement)
    names = [column[0] for column in answer.description]
    return [plain(dict(zip(names, row))) for row in answer.fetchall()]


def check_view(database, rows):
    """The view shows what the API would of these rows."""
    assert found(database, "SELECT * FROM activities ORDER BY partner_id, occurred_at, id") == list(map(shown, rows))


def select(rows, *names):
    return [{name: row[name] for name in names} for row in rows]


def answers(rows):
    """What each query of the page must find."""
    october, november = ["2026-10"], ["2026-11"]
    three = ["2026-10", "2026-11", "2026-12"]
    of_customer = [row for row in rows.of("contoso", three) if row["customer_id"] == "c-1"]
    days = collections.Counter((moment(row["occurred_at"]).date(), row["action"]) for row in rows.of("contoso", october))
    failed = rows.of("contoso", november) + rows.of("fabrikam", november)
    failed = sorted(filter(has_failed, failed), key=lambda row: (row["occurred_at"], row["partner"]))
    text = lambda row: row["details"] and json.loads(row["details"])["t"]
    size = len(rows.of("contoso", three, kept=False))
    return {
        "Who did what on one customer's account": select(
            of_customer, "occurred_at", "actor_name", "action", "outcome", "resource_type", "resource_id"
        ),
        "Counts by day and action": [
            {"day": day, "action": action, "activities": days[day, action]} for day, action in sorted(days)
        ],
        "What failed, at two partners, with a value of the details": [
            {"partner_id": row["partner"]}
            | {name: row[name] for name in ("occurred_at", "actor_name", "customer_name", "action")}
            | {"text": text(row)}
            for row in failed
        ],
        "Everything of a partner's month": list(map(shown, rows.of("contoso", november))),
        "Whether an entry is missing": [{"first_index": 0, "size": size, "missing": 0}],
    }


def has_failed(row):
    return row["outcome"] == "failed"


def check_athena(page, folder, rows):
    table, view, *queries = page.take("Athena", "sql")
    check_table(table, folder)
    database = duckdb.connect()
    database.execute(in_duckdb(table, folder))
    # The files have what the view leaves out.
    assert len(found(database, "SELECT * FROM segments")) > len(rows.rows)
    database.execute(translated(view))
    check_view(database, rows.kept)
    wanted = answers(rows)
    for query in queries:
        title = query.splitlines()[0].removeprefix("-- ")
        assert found(database, translated(query)) == wanted.pop(title), title
    assert not wanted, wanted


def translated(statement):
    """A statement for Athena in DuckDB's dialect."""
    (statement,) = sqlglot.transpile(statement, read="athena", write="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    return statement


def counts(rows, *names):
    """How many rows have which values, in the order of the values."""
    found = collections.Counter(tuple(row[name] for name in names) for row in rows)
    return [(*values, found[values]) for values in sorted(found)]


def client(command):
    """The rows that a command with DuckDB's client prints as CSV."""
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", command], env={"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _, *rows = csv.reader(done.stdout.splitlines())
    return [(*values, int(count)) for *values, count in rows]


def run(program):
    """The variables that a program leaves."""
    left = {}
    exec(program, left)
    return left


def check_duckdb(page, plain_folder, folder, rows):
    """The statements and programs for DuckDB; the first line is for files without replaced ones."""
    first, second = page.take("DuckDB", "sh")
    view, secret = page.take("DuckDB", "sql")
    (program,) = page.take("DuckDB", "python")
    assert client(first.replace(str(folder), str(plain_folder))) == counts(rows.rows, "action", "outcome")
    with open("activities.sql", "w") as file:
        file.write(view)
    assert client(second) == counts(rows.of("contoso", ["2026-10"]), "action")
    assert duckdb.extract_statements(secret)

    database = duckdb.connect()
    database.execute(view)
    for zone in ("UTC", "Asia/Seoul"):
        database.execute(f"SET TimeZone = '{zone}'")
        check_view(database, rows.kept)
    # A partner whose id has only digits, in the path.
    database.execute(view.replace("partner=*", "partner=1042"))
    check_view(database, rows.of("1042", ["2026-10", "2026-11"]))
    left = run(program)["counts"]
    wanted = counts(rows.of("contoso", ["2026-10", "2026-11"]), "action")
    assert sorted(left.itertuples(index=False, name=None)) == wanted


def check_frames(page, rows):
    """pandas and pyarrow, over files without replaced ones."""
    for_pandas, for_pyarrow = page.take("pandas and pyarrow", "python")
    october = run(for_pandas)["october"]
    wanted = [row["id"] for row in rows.of("contoso", ["2026-10"]) if row["customer_id"] == "c-1"]
    assert sorted(october["id"]) == sorted(wanted) != []

    failed = run(for_pyarrow)["failed"]
    failed = [tuple(map(plain_value, row.values())) for row in failed.to_pylist()]
    wanted = [row for row in rows.kept if row["month"] == "2026-11" and has_failed(row)]
    names = ("partner", "occurred_at", "actor_name", "action", "details")
    assert sorted(failed, key=str) == sorted((tuple(row[name] for name in names) for row in wanted), key=str)


def check_commands(page):
    """Policies and arguments of the AWS CLI are JSON."""
    for text in page.take("Who may ask", "json"):
        assert json.loads(text)["Statement"]
    for text in page.take("What an erasure means for queries", "bash"):
        documents = [word for word in shlex.split(text) if word.startswith("{")]
        assert [json.loads(document) for document in documents]


def main(folder):
    made = pathlib.Path(folder).resolve()
    rows = Written(made)
    with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
        both = pathlib.Path(temporary, "both")
        for each in (made, made / "replaced"):
            shutil.copytree(each / "archive", both / "archive", dirs_exist_ok=True)
        page = Page(PAGE.read_text("utf-8").replace("s3://BUCKET", str(both)).replace(".local-ahead/s3/archive", str(both)))
        check_commands(page)
        check_athena(page, both, rows)
        check_duckdb(page, made, both, rows)
        shutil.rmtree(both)
        shutil.copytree(made / "archive", both / "archive")
        check_frames(page, rows)
    assert not page.blocks, list(page.blocks)
    print(f"{PAGE.name}: {page.count} blocks, with sqlglot {sqlglot.__version__} and pandas {pandas.__version__}")


main(sys.argv[1])

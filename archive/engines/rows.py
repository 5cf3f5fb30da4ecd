"""The rows that were written, and rows of engines in the same form."""

import datetime
import json

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

COLUMNS = """
    index occurred_at action outcome actor_id actor_name actor_kind customer_id customer_name
    resource_type recorded_at id resource_id correlation_id has_details kept_until erased_at
    salt c details
""".split()


def written(folder):
    """What the program that wrote the segments says without Parquet."""
    with open(f"{folder}/rows.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def plain(row):
    """A row of an engine in the form of rows.jsonl: times in milliseconds, bytes as text."""
    return {name: plain_value(value) for name, value in row.items()}


def plain_value(value):
    if isinstance(value, datetime.datetime):
        # An engine without time zones means UTC.
        zone = value.tzinfo or datetime.timezone.utc
        return (value.replace(tzinfo=zone) - EPOCH) // datetime.timedelta(milliseconds=1)
    return value.hex() if isinstance(value, bytes) else value


def moment(ms):
    """The time that a row holds in milliseconds."""
    return EPOCH + datetime.timedelta(milliseconds=ms)

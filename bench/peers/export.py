"""What one would write with boto3: a handler that exports a log.

A paginator, `csv`, a temporary file and one upload.

The columns are those of a `raw` file of the worker.
"""

import csv
import os
import tempfile

import boto3
import runtime
import zstandard
from botocore.config import Config

BETWEEN = (
    "customer_name", "action", "actor_name", "customer_id", "actor_id",
    "actor_kind", "outcome", "resource_type", "resource_id",
)


def text(item, name):
    return item[name]["S"] if name in item else ""


def details(item, unpack):
    value = item.get("details", {})
    if "B" in value:
        return unpack.decompress(value["B"]).decode()
    return value.get("S", "")


def row(item, unpack):
    occurred_at, activity_id = item["sort_key"]["S"].split("#", 1)
    cells = [occurred_at]
    cells += [text(item, name) for name in BETWEEN]
    cells += [activity_id, text(item, "recorded_at"), text(item, "correlation_id")]
    cells.append(details(item, unpack))
    return cells


def pages(partner_id):
    return boto3.client("dynamodb").get_paginator("query").paginate(
        TableName=os.environ["ACTIVITIES_TABLE"],
        KeyConditionExpression="partition_key = :partner",
        ExpressionAttributeValues={":partner": {"S": partner_id}},
        ScanIndexForward=False,
    )


def handler(event, _context):
    rows = 0
    unpack = zstandard.ZstdDecompressor()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for page in pages(event["partner_id"]):
            for item in page["Items"]:
                writer.writerow(row(item, unpack))
                rows += 1
        file.flush()
        # As it does by itself over TLS.
        unsigned = Config(s3={"payload_signing_enabled": False})
        s3 = boto3.client("s3", config=unsigned)
        s3.upload_file(file.name, os.environ["EXPORTS_BUCKET"], f"{event['export_id']}.csv")
    return {"rows": rows}


runtime.serve(handler)

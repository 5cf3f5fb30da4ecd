"""A partner's log is sealed by the schedule's own call; what would take days and the margin is put back in the tables.

Nothing that is old enough to be sealed may be recorded, and nobody waits for the margin.
"""

import hashlib
import uuid
from datetime import datetime, timedelta, timezone

import boto3
from boto3.dynamodb.conditions import Key

from stack import schedules, template
from test_walk import until

DAY_MILLIS = 24 * 60 * 60 * 1000


class Archive:
    """What the stack keeps of one partner's log."""

    def __init__(self, stack, partner):
        self.stack = stack
        self.partner = partner
        dynamodb = boto3.resource("dynamodb")
        self.activities = dynamodb.Table(stack.outputs["ActivitiesTableName"])
        self.archive = dynamodb.Table(stack.outputs["ArchiveTableName"])
        digit = hashlib.sha256(partner.encode()).digest()[0] & 0xF
        self.head_key = {"partition_key": partner, "sort_key": "head"}
        self.registry_key = {"partition_key": f"#partners#{digit:x}", "sort_key": partner}

    def head(self):
        return self.archive.get_item(Key=self.head_key).get("Item", {})

    def stored(self):
        """The items of the activities."""
        return self.activities.query(KeyConditionExpression=Key("partition_key").eq(self.partner))["Items"]

    def make_older(self, days):
        """Puts the activities in the place of days ago, as if they had been recorded then."""
        for item in self.stored():
            self.remove(item)
            self.activities.put_item(Item=older(item, days))

    def remove(self, item):
        self.activities.delete_item(Key={name: item[name] for name in ("partition_key", "sort_key")})

    def seal(self):
        """Two sweeps: the first closes the log, and the second seals what is closed, a margin later."""
        self.sweep()
        assert "sealed_to" not in self.head()
        self.let_the_margin_pass()
        self.sweep()

    def sweep(self):
        [(function, _, event)] = [schedule for schedule in schedules(template()) if "logs" in schedule[2]]
        called = boto3.client("lambda").invoke(FunctionName=self.stack.ids[function], Payload=event)
        assert "FunctionError" not in called, called["Payload"].read()
        until("the seal worker ended its run", self.due_at, lambda due_at: due_at > text(now()))

    def due_at(self):
        return self.archive.get_item(Key=self.registry_key)["Item"]["due_at"]

    def let_the_margin_pass(self):
        margin = timedelta(seconds=int(self.stack.parameters["SealMarginSeconds"]))
        closed_at = text(moment(self.head()["closed_at"]) - margin)
        self.set(self.head_key, "closed_at", closed_at)
        self.set(self.registry_key, "due_at", text(now()))

    def set(self, key, name, value):
        self.archive.update_item(
            Key=key,
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )

    def segments(self):
        """Names and bytes of the objects with sealed activities."""
        return objects(self.stack.outputs["ArchiveBucketName"], f"archive/v1/partner={self.partner}/")

    def checkpoints(self):
        return objects(self.stack.outputs["CheckpointsBucketName"], f"checkpoints/v1/partner={self.partner}/")


def objects(bucket, prefix):
    s3 = boto3.client("s3")
    names = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    return {name: s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}


def older(item, days):
    occurred_at, id = item["sort_key"].split("#")
    # The first 48 bits of an id are the milliseconds of `occurred_at`.
    id = uuid.UUID(int=uuid.UUID(id).int - (days * DAY_MILLIS << 80))
    return item | {
        "sort_key": f"{text(moment(occurred_at) - timedelta(days=days))}#{id}",
        "recorded_at": text(moment(item["recorded_at"]) - timedelta(days=days)),
        "expires_at": item["expires_at"] - days * DAY_MILLIS // 1000,
    }


def now():
    return datetime.now(timezone.utc)


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def text(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

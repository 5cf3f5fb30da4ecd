"""What is recorded arrives as an event in the queue of docs/streaming/queue.yaml, also after the bus was away.

The emulator does not bring again what a partial answer names, only what an error does; `tests/it/stream` shows the rest.
It also knows no rule that gives events to Firehose, so a check does that in the rule's place.
"""

import gzip
import json
import os
import subprocess
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import boto3
import pytest

from sealing import Archive
from stack import ROOT
from test_seal import SEALED_DAYS
from test_walk import an_order, recorded, until


@contextmanager
def recipe(name, stack):
    """A template of docs/streaming on the stack's bus; gives its outputs, and is deleted in the end."""
    cloudformation = boto3.client("cloudformation")
    bus = stack.outputs["EventBusArn"].split("/")[-1]
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(ROOT / f"docs/streaming/{name}.yaml").read_text(),
        Parameters=[{"ParameterKey": "EventBusName", "ParameterValue": bus}],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    yield {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


@pytest.fixture(scope="module")
def listener(stack):
    with recipe("queue", stack) as outputs:
        yield Queue(outputs["QueueUrl"])


@pytest.fixture(scope="module")
def files(stack):
    with recipe("files", stack) as outputs:
        yield outputs


def recorded_by_typescript(client, count):
    """The ids of activities that a program with the TypeScript client has recorded."""
    surroundings = os.environ | {
        "NODE_EXTRA_CA_CERTS": os.environ["AWS_CA_BUNDLE"],
        "API": os.environ["AWS_ENDPOINT_URL"],
        "HOST": urlsplit(client.api.url).netloc,
        "TOKEN": client.token,
        "COUNT": str(count),
    }
    node = [ROOT / "portal/.venv/bin/node", ROOT / "tests/deploy/record.mjs"]
    done = subprocess.run(node, env=surroundings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


class Queue:
    """Keeps what it has received, since each check waits for events of its own."""

    def __init__(self, url):
        self.url = url
        self.events = []

    def receive(self):
        sqs = boto3.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.events.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return self.events

    def of(self, partner, kind="Activity Recorded"):
        """The details of a partner's events of a kind."""
        return [
            event["detail"]
            for event in self.receive()
            if event["detail-type"] == kind and event["detail"].get("partnerid") == partner
        ]

    def until(self, partner, kind="Activity Recorded", count=1):
        return until(f"{count} events {kind}", lambda: self.of(partner, kind), lambda found: len(found) >= count)


@pytest.fixture
def bus_away(stack):
    """The function may not use the bus, until what this gives is called."""
    iam, role = boto3.client("iam"), stack.ids["StreamRole"]
    statement = {"Effect": "Deny", "Action": "events:PutEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="away", PolicyDocument=document)
    back = []

    def come_back():
        if not back:
            back.append(iam.delete_role_policy(RoleName=role, PolicyName="away"))

    yield come_back
    come_back()


def test_what_is_recorded_arrives_as_an_ocsf_event(stack, ann, partner, listener):
    stored = recorded(ann, an_order())
    [event] = listener.until(partner)
    assert event["source"] == f"//{stack.parameters['LogName']}/{partner}"
    data = event["data"]
    assert (event["id"], data["class_uid"], data["metadata"]["version"]) == (stored["id"], 6003, "1.3.0")
    assert data["metadata"]["tenant_uid"] == partner
    assert data["api"]["operation"] == stored["action"]
    assert data["unmapped"]["details"] == stored["details"]


def test_what_is_recorded_while_the_bus_is_away_arrives_when_it_is_back(stack, ann, partner, listener, bus_away):
    since = time.time()
    wanted = set(recorded_by_typescript(ann, 12))
    log = lambda: [line for line in stack.log(since) if "nothing could be sent" in line]
    until("the function could send nothing", log, bool)
    assert listener.of(partner) == []
    bus_away()
    arrived = listener.until(partner, count=12)
    assert {event["id"] for event in arrived} == wanted
    assert {event["data"]["class_uid"] for event in arrived} == {6003}


def test_what_can_never_be_sent_is_kept_with_its_reason(stack, partner, listener):
    key = {"partition_key": partner, "sort_key": "2026-11-28T00:00:00.000Z#damaged"}
    boto3.resource("dynamodb").Table(stack.outputs["ActivitiesTableName"]).put_item(Item=key)
    failures = Queue(stack.outputs["StreamFailuresUrl"])
    kept = lambda: [event["detail"]["data"] for event in failures.receive() if event["detail"]["data"]["partition_key"] == partner]
    [data] = until("the damaged item is in the queue", kept, bool)
    assert data | key == data
    assert "sort_key" in data["reason"]


def test_an_erasure_and_a_checkpoint_arrive_too(stack, ann, api, partner, listener):
    recorded(ann, an_order())
    archive = Archive(stack, partner)
    archive.make_older(SEALED_DAYS)
    archive.seal()
    [checkpoint] = listener.until(partner, "Checkpoint Signed")
    assert checkpoint["data"]["note"] == archive.head()["checkpoint"]
    eraser = api.client(partner, "global_admin")
    asked = eraser.post("/v1/erasures", {"customer_id": "c-1"})
    assert asked.status_code == 202, asked.text
    [erased] = listener.until(partner, "Customer Erased")
    assert erased["data"]["customer_id"] == "c-1"


def test_entries_become_lines_of_files_whose_names_are_in_a_queue(ann, partner, listener, files):
    recorded(ann, an_order())
    [event] = listener.until(partner)
    line = json.dumps(event["data"]) + "\n"
    boto3.client("firehose").put_record(DeliveryStreamName=files["DeliveryStreamName"], Record={"Data": line.encode()})
    named = Queue(files["QueueUrl"])
    names = lambda: [record["s3"]["object"]["key"] for message in named.receive() for record in message.get("Records", [])]
    [name] = until("a file is named in the queue", names, bool)
    assert name.startswith("entries/")
    body = boto3.client("s3").get_object(Bucket=files["BucketName"], Key=name)["Body"].read()
    # AWS packs it, the emulator does not.
    text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    assert json.loads(text) == event["data"]

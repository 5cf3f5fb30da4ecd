"""Records, lists, exports and downloads with the client that openapi-python-client makes."""

import datetime
import hashlib
import json
import os
import sys
import tempfile
import time
import uuid

import httpx
import outbox
from partner_log_httpx import AuthenticatedClient
from partner_log_httpx.api.activities import get_activity, list_activities, record_activities, record_activity
from partner_log_httpx.api.activities import summarise_activities
from partner_log_httpx.api.exports import create_export, delete_export, get_export, list_exports
from partner_log_httpx.models import (
    Actor,
    ActorKind,
    Customer,
    Details,
    ExportFormat,
    ExportState,
    GroupField,
    NewActivities,
    NewActivity,
    NewBatchActivity,
    NewExport,
    Outcome,
    Problem,
    Resource,
)

PATIENCE_SECONDS = 60
BASE = os.environ["BASE"]
CUSTOMER = Customer(id=f"c-{uuid.uuid4()}", name="Relecloud")
ACTOR = Actor(id="u-17", name="admin@contoso.example", kind=ActorKind.USER)
NOW = datetime.datetime.now(datetime.timezone.utc)


def new_activity(action):
    return NewActivity(
        action=action,
        outcome=Outcome.SUCCEEDED,
        customer=CUSTOMER,
        actor=ACTOR,
        occurred_at=NOW,
        resource=Resource(type_="order", id="d51a052e"),
        details=Details.from_dict({"line_items": [{"offer": "Office 365", "quantity": 25}]}),
    )


def record(client):
    key = f"order-{uuid.uuid4()}"
    first = record_activity.sync_detailed(client=client, body=new_activity("create_order"), idempotency_key=key)
    again = record_activity.sync_detailed(client=client, body=new_activity("create_order"), idempotency_key=key)
    assert (first.status_code, again.status_code) == (201, 200), (first, again)
    assert first.parsed == again.parsed and again.headers["Idempotency-Replayed"] == "true"
    assert abs(first.parsed.occurred_at - NOW) < datetime.timedelta(milliseconds=1)
    read = get_activity.sync(client=client, id=first.parsed.id)
    assert read.details.to_dict() == new_activity("").details.to_dict(), read


def record_batch(client):
    bare = {"outcome": Outcome.FAILED, "customer": CUSTOMER, "actor": ACTOR, "occurred_at": NOW}
    good = NewBatchActivity(action="cancel_order", idempotency_key=f"cancel-{uuid.uuid4()}", **bare)
    other = NewBatchActivity(action="add_user", **bare)
    bad = NewBatchActivity(action="Not an action", **bare)
    answer = record_activities.sync(client=client, body=NewActivities(activities=[good, other, bad]))
    assert [result.status for result in answer.results] == [201, 201, 400], answer
    assert answer.results[0].activity.customer == CUSTOMER
    assert [error.field for error in answer.results[2].problem.errors] == ["action"]


def list_pages(client):
    pages = [list_activities.sync(client=client, customer_id=CUSTOMER.id, limit=2)]
    while pages[-1].next_cursor:
        cursor = pages[-1].next_cursor
        pages.append(list_activities.sync(client=client, customer_id=CUSTOMER.id, limit=2, cursor=cursor))
    assert [len(page.items) for page in pages] == [2, 1], pages
    assert {item.action for page in pages for item in page.items} == {"create_order", "cancel_order", "add_user"}
    fields = [GroupField.ACTION, GroupField.OUTCOME]
    counted = summarise_activities.sync(client=client, group_by=fields, customer_id=CUSTOMER.id)
    assert sum(group.count for group in counted.groups) == 3, counted
    failed = list_activities.sync(client=client, customer_id=CUSTOMER.id, outcome=[Outcome.FAILED, Outcome.DECLINED])
    assert len(failed.items) == 2, failed


def export(client):
    wanted = NewExport(format_=ExportFormat.JSONL, customer_id=CUSTOMER.id)
    found = create_export.sync(client=client, body=wanted, idempotency_key=f"report-{uuid.uuid4()}")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found.state in (ExportState.QUEUED, ExportState.RUNNING):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
        found = get_export.sync(client=client, id=found.id)
    assert found.state == ExportState.READY, found
    file = httpx.get(found.download.url, trust_env=False).raise_for_status().content
    assert (len(file), hashlib.sha256(file).hexdigest()) == (found.file.bytes_, found.file.sha256), found
    assert file.count(b"\n") == found.file.rows == 3, file
    assert found.id in [one.id for one in list_exports.sync(client=client).items]
    assert delete_export.sync_detailed(client=client, id=found.id).status_code == 204
    assert get_export.sync(client=client, id=found.id).state == ExportState.EXPIRED


def deliver_outbox(client):
    customer = Customer(id=f"c-{uuid.uuid4()}", name="Relecloud")
    bare = {"outcome": Outcome.SUCCEEDED, "customer": customer, "actor": ACTOR, "occurred_at": NOW}
    actions = ["create_order", "Not an action", "cancel_order"]
    activities = [NewBatchActivity(action=action, idempotency_key=str(uuid.uuid4()), **bare) for action in actions]
    with tempfile.TemporaryDirectory() as folder:
        # Nothing listens at port 1.
        nowhere = AuthenticatedClient(base_url="http://127.0.0.1:1", token="none", httpx_args={"trust_env": False})
        away = outbox.Outbox(outbox.connect(f"{folder}/outbox"), nowhere)
        for activity in activities:
            away.hand_over(activity)
        assert away.deliver() >= 1 and away.deliver() >= 2
        away.database.close()
        back = outbox.Outbox(outbox.connect(f"{folder}/outbox"), client)
        # Its deletion did not reach the disk: it is sent twice, and recorded once.
        back.hand_over(activities[0])
        assert (back.deliver(), back.deliver()) == (0, 1)
        (refused,) = back.database.execute("SELECT problem FROM refused").fetchall()
        assert json.loads(refused[0])["errors"][0]["field"] == "action", refused
        back.database.close()
    found = list_activities.sync(client=client, customer_id=customer.id)
    assert sorted(item.action for item in found.items) == ["cancel_order", "create_order"], found


def read_errors(client):
    refused = list_activities.sync(client=client, from_="2026-11-30", to="2026-11-01")
    assert isinstance(refused, Problem) and refused.code == "invalid_request", refused
    assert [error.field for error in refused.errors] == ["from"], refused
    nobody = AuthenticatedClient(base_url=BASE, token="none", httpx_args={"trust_env": False})
    assert list_activities.sync(client=nobody).message == "Unauthorized"


def main():
    token = os.environ["TOKEN"]
    with AuthenticatedClient(base_url=BASE, token=token, httpx_args={"trust_env": False}) as client:
        record(client)
        record_batch(client)
        list_pages(client)
        export(client)
        deliver_outbox(client)
        read_errors(client)


sys.exit(main())

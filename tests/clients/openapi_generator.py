"""Records, lists, exports and downloads with the Python client that openapi-generator makes."""

import datetime
import hashlib
import os
import sys
import time
import urllib.request
import uuid

from partner_log_urllib3 import (
    ActivitiesApi,
    Actor,
    ActorKind,
    ApiClient,
    Configuration,
    Customer,
    ExportFormat,
    ExportState,
    ExportsApi,
    GroupField,
    NewActivities,
    NewActivity,
    NewBatchActivity,
    NewExport,
    Outcome,
    Resource,
)
from partner_log_urllib3.exceptions import BadRequestException, UnauthorizedException

PATIENCE_SECONDS = 60
BASE = os.environ["BASE"]
CUSTOMER = Customer(id=f"c-{uuid.uuid4()}", name="Relecloud")
ACTOR = Actor(id="u-17", name="admin@contoso.example", kind=ActorKind.USER)
NOW = datetime.datetime.now(datetime.timezone.utc)
DETAILS = {"line_items": [{"offer": "Office 365", "quantity": 25}]}
# The link to a file is read without a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def record(api):
    key = f"order-{uuid.uuid4()}"
    activity = NewActivity(
        action="create_order",
        outcome=Outcome.SUCCEEDED,
        customer=CUSTOMER,
        actor=ACTOR,
        occurred_at=NOW,
        resource=Resource(type="order", id="d51a052e"),
        details=DETAILS,
    )
    first = api.record_activity_with_http_info(activity, idempotency_key=key)
    again = api.record_activity_with_http_info(activity, idempotency_key=key)
    assert (first.status_code, again.status_code) == (201, 200), (first, again)
    assert first.data == again.data and again.headers["idempotency-replayed"] == "true"
    assert abs(first.data.occurred_at - NOW) < datetime.timedelta(milliseconds=1)
    assert api.get_activity(first.data.id).details == DETAILS


def record_batch(api):
    bare = {"outcome": Outcome.FAILED, "customer": CUSTOMER, "actor": ACTOR, "occurred_at": NOW}
    good = NewBatchActivity(action="cancel_order", idempotency_key=f"cancel-{uuid.uuid4()}", **bare)
    other = NewBatchActivity(action="add_user", **bare)
    old = NewBatchActivity(action="add_user", **{**bare, "occurred_at": NOW - datetime.timedelta(days=4000)})
    answer = api.record_activities(NewActivities(activities=[good, other, old]))
    assert [result.status for result in answer.results] == [201, 201, 400], answer
    assert answer.results[0].activity.customer == CUSTOMER
    assert [error.var_field for error in answer.results[2].problem.errors] == ["occurred_at"]


def list_pages(api):
    pages = [api.list_activities(customer_id=CUSTOMER.id, limit=2)]
    while pages[-1].next_cursor:
        pages.append(api.list_activities(customer_id=CUSTOMER.id, limit=2, cursor=pages[-1].next_cursor))
    assert [len(page.items) for page in pages] == [2, 1], pages
    assert {item.action for page in pages for item in page.items} == {"create_order", "cancel_order", "add_user"}
    counted = api.summarise_activities([GroupField.ACTION, GroupField.OUTCOME], customer_id=CUSTOMER.id)
    assert sum(group.count for group in counted.groups) == 3, counted
    failed = api.list_activities(customer_id=CUSTOMER.id, outcome=[Outcome.FAILED, Outcome.DECLINED])
    assert len(failed.items) == 2, failed


def export(api):
    wanted = NewExport(format=ExportFormat.JSONL, customer_id=CUSTOMER.id)
    found = api.create_export(wanted, idempotency_key=f"report-{uuid.uuid4()}")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found.state in (ExportState.QUEUED, ExportState.RUNNING):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
        found = api.get_export(found.id)
    assert found.state == ExportState.READY, found
    with OPENER.open(found.download.url) as answer:
        file = answer.read()
    assert (len(file), hashlib.sha256(file).hexdigest()) == (found.file.bytes, found.file.sha256), found
    assert file.count(b"\n") == found.file.rows == 3, file
    assert found.id in [one.id for one in api.list_exports().items]
    api.delete_export(found.id)
    assert api.get_export(found.id).state == ExportState.EXPIRED


def read_errors(api):
    try:
        api.list_activities(var_from="2026-11-30", to="2026-11-01")
        raise AssertionError("a reversed range was accepted")
    except BadRequestException as error:
        assert error.data.code == "invalid_request", error
        assert [one.var_field for one in error.data.errors] == ["from"], error
    try:
        ActivitiesApi(ApiClient(Configuration(host=BASE, access_token="none"))).list_activities()
        raise AssertionError("a wrong token was accepted")
    except UnauthorizedException as error:
        assert error.data.message == "Unauthorized", error


def main():
    with ApiClient(Configuration(host=BASE, access_token=os.environ["TOKEN"])) as client:
        activities, exports = ActivitiesApi(client), ExportsApi(client)
        record(activities)
        record_batch(activities)
        list_pages(activities)
        export(exports)
        read_errors(activities)


sys.exit(main())

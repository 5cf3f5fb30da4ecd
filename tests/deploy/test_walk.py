"""A walk through the deployed API, as docs/walkthrough.md's; each check has a partner of its own."""

import hashlib
import json
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import boto3
import pytest

from api import fetch
from issuer import new_key
from stack import AUDIENCE, OTHER_AUDIENCE, events, schedules, template, workers

PATIENCE_SECONDS = 60


def an_order(**other):
    return {
        "occurred_at": days_ago(0),
        "action": "create_order",
        "outcome": "succeeded",
        "customer": {"id": "c-1", "name": "Relecloud"},
        "actor": {"id": "u-17", "name": "admin@contoso.example", "kind": "user"},
        "details": {"line_items": [{"offer": "Office 365", "quantity": 25}]},
    } | other


def days_ago(days):
    moment = datetime.now(timezone.utc) - timedelta(days=days)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(client, activity, key="order-1"):
    return client.post("/v1/activities", activity, headers={"idempotency-key": key})


def recorded(client, activity, key="order-1"):
    answer = record(client, activity, key)
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(client, path="/v1/activities"):
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def calls(stack):
    """How often the functions of requests were called: each call begins with a line in the log."""
    # What an earlier check has recorded may be streamed now.
    return sum(line.startswith("START ") for line in stack.log(without=["StreamFunction"]))


def until(what, get, wanted):
    """What `get` gives once it is wanted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not wanted(value := get()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}; the last: {value}"
        time.sleep(0.3)
    return value


# Who is let in.


def test_the_description_of_the_api_needs_no_token(stack, api):
    before = calls(stack)
    answer = api.send("GET", "/v1/openapi.json")
    assert answer.status_code == 200
    assert "/v1/activities" in answer.json()["paths"]
    # The same count tells below that nobody was called.
    assert calls(stack) == before + 1


WITHOUT_TOKEN = {"/v1/keys", "/v1/openapi.json"}
WITH_TOKEN = [(method, path) for method, path, _ in events(template()) if path not in WITHOUT_TOKEN]


@pytest.mark.parametrize("method, path", WITH_TOKEN)
def test_without_a_token_the_gateway_refuses_and_calls_nobody(stack, api, method, path):
    before = calls(stack)
    answer = api.send(method, path.replace("{id}", "1").replace("{proxy+}", "/auditrecords"))
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert calls(stack) == before


VALID = {"aud": AUDIENCE, "reseller": "contoso", "duties": ["admin_agent"]}
FAULTS = {
    "of another issuer": {"iss": "https://127.0.0.1"},
    "for another audience": {"aud": "another"},
    "expired": {"exp": int(time.time()) - 60},
    "not valid yet": {"nbf": int(time.time()) + 3600},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_token_with_a_fault_is_refused_by_the_gateway(stack, api, fault):
    before = calls(stack)
    answer = api.send("GET", "/v1/activities", api.issuer.token(VALID | FAULTS[fault]))
    assert answer.status_code == 401
    assert calls(stack) == before


def test_a_token_that_another_key_signed_is_refused_by_the_gateway(stack, api):
    assert api.send("GET", "/v1/activities", api.issuer.token(VALID)).status_code == 200
    before = calls(stack)
    assert api.send("GET", "/v1/activities", api.issuer.token(VALID, key=new_key())).status_code == 401
    assert calls(stack) == before


@pytest.mark.parametrize("accepted", [{"aud": OTHER_AUDIENCE}, {"aud": None, "client_id": OTHER_AUDIENCE}])
def test_a_token_for_any_of_the_audiences_is_let_in(api, accepted):
    claims = {name: value for name, value in (VALID | accepted).items() if value}
    assert api.send("GET", "/v1/activities", api.issuer.token(claims)).status_code == 200


@pytest.mark.parametrize("role", ["admin_agent", "sales_agent"])
def test_a_reader_lists_and_may_not_record(api, partner, role):
    reader = api.client(partner, role)
    answer = record(reader, an_order())
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert listed(reader) == []


def test_a_recorder_records_and_may_neither_list_nor_export(api, ann, partner):
    recorder = api.client(partner, "activity_recorder")
    recorded(recorder, an_order())
    assert recorder.get("/v1/activities").status_code == 403
    assert recorder.post("/v1/exports", {}).status_code == 403
    assert len(listed(ann)) == 1


def test_a_role_that_the_parameters_leave_out_may_not_read(api, partner):
    assert api.client(partner, "helpdesk_agent").get("/v1/activities").status_code == 403


# Record, list, open.


def test_a_repeat_is_answered_with_the_same_activity(ann):
    order = an_order()
    first = record(ann, order)
    again = record(ann, order)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert first.headers["location"] == f"/v1/activities/{first.json()['id']}"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert [item["id"] for item in listed(ann)] == [first.json()["id"]]


def test_each_activity_of_a_batch_has_its_own_result(ann):
    answer = ann.post("/v1/activities/batch", {"activities": [an_order(), an_order(outcome="lost")]})
    assert answer.status_code == 200, answer.text
    good, bad = answer.json()["results"]
    assert (good["status"], bad["status"]) == (201, 400)
    assert [item["id"] for item in listed(ann)] == [good["activity"]["id"]]


def test_pages_hold_what_was_recorded_newest_first(ann):
    orders = [recorded(ann, an_order(occurred_at=days_ago(2 - n)), key=f"order-{n}") for n in range(3)]
    first = ann.get("/v1/activities?limit=2").json()
    rest = ann.get("/v1/activities", params={"limit": "2", "cursor": first["next_cursor"]}).json()
    items = first["items"] + rest["items"]
    assert [item["id"] for item in items] == [order["id"] for order in reversed(orders)]
    assert "next_cursor" not in rest


def test_conditions_reach_the_function_with_their_encoding(ann):
    named = recorded(ann, an_order(customer={"id": "c-2", "name": "Å & B + 100 %"}), key="named")
    recorded(ann, an_order())
    answer = ann.get("/v1/activities", params={"customer": "å & b + 100 %", "outcome": ["failed", "succeeded"]})
    assert [item["id"] for item in answer.json()["items"]] == [named["id"]]


def test_an_activity_opens_with_its_details_and_the_portals_page(ann):
    order = an_order(customer={"id": "c 1", "name": "Relecloud"})
    answer = ann.get(f"/v1/activities/{recorded(ann, order)['id']}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["details"] == order["details"]
    assert answer.json()["links"]["subscriptions"] == "https://portal.example/of/c%201"


def test_another_partner_sees_nothing_of_it(api, ann):
    id = recorded(ann, an_order())["id"]
    other = api.client("another", "admin_agent")
    assert other.get(f"/v1/activities/{id}").status_code == 404
    assert id not in [item["id"] for item in listed(other)]


def test_the_parameters_lateness_holds(ann):
    assert record(ann, an_order(occurred_at=days_ago(2))).status_code == 201
    answer = record(ann, an_order(occurred_at=days_ago(4)))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "occurred_at")


# Export, link, download.


def export(client, **request):
    # A file holds what was recorded at least a second before its export.
    time.sleep(1.1)
    path, ended = end_of_job(client, "/v1/exports", request)
    assert ended["state"] == "ready", ended
    return path, ended


def end_of_job(client, path, request):
    """The job's own path, and the job once a worker has ended it."""
    answer = client.post(path, request)
    assert answer.status_code == 202, answer.text
    path = answer.headers["location"]
    return path, until("the worker ended", lambda: client.get(path).json(), has_ended)


def has_ended(job):
    return job["state"] not in ("queued", "running")


def link(ready):
    return ready["download"]["url"]


@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx"])
def test_the_worker_makes_a_file_that_the_link_gives(ann, format):
    for n in range(3):
        recorded(ann, an_order(), key=f"order-{n}")
    _, ready = export(ann, format=format)
    file = fetch("GET", link(ready))
    assert file.status_code == 200
    assert hashlib.sha256(file.content).hexdigest() == ready["file"]["sha256"]
    assert (len(file.content), 3) == (ready["file"]["bytes"], ready["file"]["rows"])
    assert ready["file"]["name"] in file.headers["content-disposition"]


def test_a_file_holds_what_the_list_shows(ann):
    orders = [recorded(ann, an_order(), key=f"order-{n}") for n in range(3)]
    before = [item["id"] for item in listed(ann)]
    assert sorted(before) == sorted(order["id"] for order in orders)
    _, ready = export(ann, format="jsonl")
    lines = fetch("GET", link(ready)).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == before


def test_export_and_link_are_entries_of_the_log(ann):
    recorded(ann, an_order())
    export(ann)
    actors = {item["action"]: item["actor"] for item in listed(ann)}
    assert actors.keys() == {"create_order", "export_activity_log", "download_activity_log"}
    assert actors["export_activity_log"] == {"id": "u-17", "name": "ann", "kind": "user"}


def test_a_link_cannot_be_prolonged(ann):
    _, ready = export(ann)
    parts = urlsplit(link(ready))
    query = dict(parse_qsl(parts.query))
    assert query["X-Amz-Expires"] == "300"
    longer = urlunsplit(parts._replace(query=urlencode(query | {"X-Amz-Expires": "900"})))
    assert fetch("GET", link(ready)).status_code == 200
    assert fetch("GET", longer).status_code == 403


def test_deleting_an_export_removes_its_file(ann):
    path, ready = export(ann)
    assert fetch("GET", link(ready)).status_code == 200
    assert ann.delete(path).status_code == 204
    assert fetch("GET", link(ready)).status_code in (403, 404)


# Erase.


def test_the_worker_erases_a_customers_name_and_details(api, ann, partner):
    id = recorded(ann, an_order())["id"]
    recorded(ann, an_order(customer={"id": "c-2", "name": "Fabrikam"}))
    admin = api.client(partner, "global_admin")
    _, done = end_of_job(admin, "/v1/erasures", {"customer_id": "c-1"})
    assert (done["state"], done["progress"]["erased"]) == ("done", 1)
    assert {item["customer"]["name"] for item in listed(ann) if "customer" in item} == {"[erased]", "Fabrikam"}
    assert "details" not in ann.get(f"/v1/activities/{id}").json()


# What stands around the functions.


def test_a_page_of_the_portal_may_call_the_api_and_no_other_page(api):
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,idempotency-key"}
    portal = api.send("OPTIONS", "/v1/activities", headers=asked | {"origin": "https://portal.example"})
    # `local` answers the same: tests/it/browsers.rs.
    cors = template()["Resources"]["HttpApi"]["Properties"]["CorsConfiguration"]
    assert portal.status_code == 204
    assert portal.headers["access-control-allow-origin"] == "https://portal.example"
    assert portal.headers["access-control-allow-methods"] == ",".join(cors["AllowMethods"])
    assert portal.headers["access-control-allow-headers"] == ",".join(cors["AllowHeaders"])
    assert portal.headers["access-control-expose-headers"] == ",".join(cors["ExposeHeaders"])
    assert portal.headers["access-control-max-age"] == str(cors["MaxAge"])
    other = api.send("OPTIONS", "/v1/activities", headers=asked | {"origin": "https://other.example"})
    assert other.headers.get("access-control-allow-origin") != "https://other.example"


def test_a_function_can_do_only_what_its_role_allows(stack, ann):
    """Else all the rest would pass with empty policies too."""
    role, iam = stack.ids["RecordRole"], boto3.client("iam")
    [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        assert record(ann, an_order()).status_code == 500
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    recorded(ann, an_order())


@pytest.mark.parametrize("function, schedule, event", schedules(template()))
def test_a_scheduled_call_does_its_work_under_the_functions_own_policy(stack, function, schedule, event):
    called = boto3.client("lambda").invoke(FunctionName=stack.ids[function], Payload=event)
    assert "FunctionError" not in called, called["Payload"].read()


def test_the_seal_worker_looks_after_all_partners_under_its_own_policy(stack, ann):
    recorded(ann, an_order())
    event = json.dumps({"partitions": list(range(16))})
    sealed = boto3.client("lambda").invoke(FunctionName=stack.ids["SealWorkerFunction"], Payload=event)
    assert "FunctionError" not in sealed, sealed["Payload"].read()


@pytest.mark.parametrize("worker", workers(template()))
def test_an_event_that_a_worker_fails_again_and_again_is_kept(stack, worker):
    event = {"nobody": worker}
    boto3.client("lambda").invoke(FunctionName=stack.ids[worker], InvocationType="Event", Payload=json.dumps(event))
    message = until("the event in the failures queue", lambda: take(stack.outputs["WorkerFailuresUrl"]), bool)
    assert json.loads(message["Body"])["requestPayload"] == event


def take(queue):
    """The next message, if there is one; it is taken out."""
    sqs = boto3.client("sqs")
    for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return message
    return None

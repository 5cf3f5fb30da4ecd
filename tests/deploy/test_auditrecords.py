"""Programs of Partner Center read the deployed log, with another address and another token."""

import csv
import os
import subprocess
import sys
from datetime import datetime, timezone
from urllib.parse import urlsplit

from stack import ROOT

COLUMNS = [
    "id",
    "partnerId",
    "customerId",
    "customerName",
    "userPrincipalName",
    "resourceType",
    "resourceNewValue",
    "operationType",
    "originalCorrelationId",
    "operationDate",
    "operationStatus",
    "customizedData",
    "attributes",
]


def recorded(api, partner, count):
    recorder = api.client(partner, "activity_recorder")
    for place in range(count):
        answer = recorder.post(
            "/v1/activities",
            {
                "action": f"order_{place}",
                "outcome": "succeeded",
                "customer": {"id": "c-1", "name": "Relecloud"},
                "actor": {"id": "u-17", "name": "ann@contoso.example", "kind": "user"},
                "resource": {"type": "order", "id": "o-1"},
                "correlation_id": "x-1",
                "details": {"new_value": "1", "customized_data": [{"key": "a", "value": "b"}]},
            },
        )
        assert answer.status_code == 201, answer.text
    return api.client(partner, "admin_agent")


def printed(client, start):
    """What a script prints that was written for Partner Center."""
    surroundings = os.environ | {
        "SSL_CERT_FILE": os.environ["AWS_CA_BUNDLE"],
        "BASE": os.environ["AWS_ENDPOINT_URL"],
        "HOST": urlsplit(client.api.url).netloc,
        "TOKEN": client.token,
        "START": start,
    }
    script = [sys.executable, ROOT / "tests/clients/auditrecords.py"]
    done = subprocess.run(script, env=surroundings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return list(csv.reader(done.stdout.splitlines()))


def test_a_script_for_partner_center_prints_the_columns_that_it_always_did(api):
    reader = recorded(api, "of-script", 12)
    header, *rows = printed(reader, datetime.now(timezone.utc).strftime("%Y-%m-%d"))
    assert header == COLUMNS
    assert sorted(row[COLUMNS.index("operationType")] for row in rows) == sorted(f"order_{place}" for place in range(12))


def test_each_address_that_programs_of_partner_center_ask_for_is_a_route(api):
    reader = recorded(api, "of-routes", 1)
    [record] = reader.get("/v1/auditrecords").json()["items"]
    # With `startDate` as .NET writes it, and the two slashes of the SDK of Java.
    today = datetime.now(timezone.utc).strftime("%m/%d/%Y 00:00:00").replace(" ", "%20")
    for path in ("/v1/auditrecords", "/v1//auditrecords", "/auditactivity/v1/auditrecords"):
        answer = reader.get(f"{path}?startDate={today}")
        assert answer.status_code == 200, f"{path}: {answer.text}"
        assert answer.json()["items"] == [record], path
        if "//" not in path:
            assert reader.get(f"{path}/{record['id']}").json() == record, path
    assert reader.get("/v1/auditrecords/of-nobody").json() is None
    unknown = reader.get("/v1/nothing/of/the/kind")
    assert (unknown.status_code, unknown.json()) == (404, {"message": "Not Found"})

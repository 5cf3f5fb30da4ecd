"""What schemathesis can't know of this service."""

import pathlib

import schemathesis
import yaml

# What the contract leaves out, because generators of clients do not read it.
STRICT = yaml.safe_load((pathlib.Path(__file__).parent.parent / "contract/strict.yaml").read_text())

# Fields whose validity follows from the clock, other fields or other requests.
BEYOND_SCHEMAS = {
    "cursor": "the next_cursor of the same query",
    "time_zone": "the IANA database",
    "from": "not after to, and a date that exists",
    "to": "a date that exists",
    "occurred_at": "near the clock, required with a key",
    "id": "of a moment before the year 10000",
    "partner_id": "the token's",
    "action": "not one that the service alone records",
    "Prefer": "wait as whole seconds",
    # Of Partner Center's form.
    "startDate": "a date that exists, not after endDate, that of the token",
    "endDate": "a date that exists, that of the token",
    "MS-ContinuationToken": "that of the page before, and there with seekOperation=Next",
    "filter": "a JSON object",
    "filter.Operator": "known",
    "filter.Field": "known",
    "filter.Value": "a text",
}
# The ids of activities that were recorded.
RECORDED = []
PROGRAMS_SEND = {
    "startDate": ["2026-11-01", "11/01/2026 00:00:00", "2023-02-44"],
    "endDate": ["2026-11-28", "11/28/2026 00:00:00", "2999-12-31"],
    "filter": [
        '{"Field":"CompanyName","Value":"le","Operator":"substring"}',
        '{"operator":"Equals","fieldType":"x","field":"ResourceType","value":"Order"}',
        "{}",
    ],
}
ZONES = ["UTC", "Asia/Seoul", "America/New_York", "Australia/Lord_Howe"]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    merge(raw_schema, STRICT)


def merge(target, patch):
    """Applies a JSON merge patch (RFC 7396)."""
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict):
            merge(target.setdefault(name, {}), value)
        else:
            target[name] = value


@schemathesis.hook
def before_call(context, case, kwargs):
    for name, value in (case.headers or {}).items():
        if isinstance(value, str):
            # UTF-8 on the wire; left alone, a header that is not Latin-1 can't be sent.
            case.headers[name] = value.encode("utf-8", "surrogatepass").decode("latin-1")
    if is_valid(case):
        use_what_exists(case)


@schemathesis.hook
def after_call(context, case, response):
    if case.operation.label == "POST /v1/activities" and response.status_code == 201:
        RECORDED.append(response.json()["id"])


def is_valid(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def use_what_exists(case):
    """Made-up cursors, zones and partners would be refused before anything else is looked at."""
    if case.meta.phase.name.value != "stateful":
        (case.query or {}).pop("cursor", None)
    for fields in (case.query, case.body):
        if isinstance(fields, dict) and "time_zone" in fields:
            fields["time_zone"] = ZONES[len(str(fields["time_zone"])) % len(ZONES)]
    # The other routes with an id follow links of the contract, which lead to what exists.
    if case.operation.label == "GET /v1/activities/{id}/proof" and RECORDED:
        case.path_parameters["id"] = RECORDED[-1]
    if case.operation.path.endswith("/auditrecords"):
        use_what_programs_send(case)
    # Of an import; another partner's is forbidden.
    if "partner_id" in (case.query or {}):
        case.query["partner_id"] = "contoso"


def use_what_programs_send(case):
    """Days and filters that are texts to the schema; a token is only made by the page before."""
    if case.meta.phase.name.value != "stateful":
        (case.headers or {}).pop("MS-ContinuationToken", None)
        (case.query or {}).pop("seekOperation", None)
    for name, values in PROGRAMS_SEND.items():
        if name in (case.query or {}):
            case.query[name] = values[len(str(case.query[name])) % len(values)]


def refusals(response):
    """Field and reason of each fault, in the service's form or in Partner Center's."""
    body = response.json()
    texts = [text.split(" ", 1) for text in body.get("data", [])]
    return body.get("errors", []) + [{"field": field, "reason": reason} for field, reason in texts]


def is_beyond_schemas(error):
    # No schema tells which characters of a part of a name can be seen.
    return error["field"] in BEYOND_SCHEMAS or "can be seen" in error["reason"]


@schemathesis.check
def valid_data_is_refused_only_for_what_a_schema_cannot_say(ctx, response, case):
    if is_valid(case) and response.status_code in (400, 413):
        errors = refusals(response)
        assert errors and all(map(is_beyond_schemas, errors)), f"valid data was refused: {response.text}"


@schemathesis.check
def a_batch_refuses_a_bad_activity_alone(ctx, response, case):
    is_batch = case.operation.definition.raw["operationId"] == "record_activities"
    # The service ignores the media type, so another one makes no activity bad.
    is_json = response.request.headers.get("Content-Type", "").startswith("application/json")
    if is_batch and is_json and case.meta is not None and not is_valid(case) and response.status_code == 200:
        results = response.json()["results"]
        refused = [result for result in results if result["status"] >= 400]
        assert refused, f"no activity of an invalid batch was refused: {response.text}"

"""Each event on the service's bus, and the example in docs/streaming.md, fits the published schemas of OCSF."""

import copy
import json
import os
import pathlib

import httpx
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSIONS = ("1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0")
PAGE = pathlib.Path(__file__).parents[2] / "docs/streaming.md"
# After so long without another event all have come.
QUIET_SECONDS = 3


def sent():
    """What the events hold that tell of activities."""
    events = []
    try:
        timeout = httpx.Timeout(10, read=QUIET_SECONDS)
        with httpx.stream("GET", os.environ["BASE"] + "/dev/events", timeout=timeout) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    events.append(json.loads(line.removeprefix("data:")))
    except httpx.ReadTimeout:
        pass
    return [event["detail"]["data"] for event in events if event["detail-type"] == "Activity Recorded"]


def documented():
    blocks = [block.split("```")[0] for block in PAGE.read_text().split("```json\n")[1:]]
    return [data for data in map(json.loads, blocks) if "class_uid" in data]


def validators():
    for version in VERSIONS:
        schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version)).get_class_schema(class_name="api_activity")
        Draft202012Validator.check_schema(schema)
        yield version, Draft202012Validator(schema)


def of_version(data, version):
    data = copy.deepcopy(data)
    data["metadata"]["version"] = version
    return data


events, examples = sent(), documented()
assert len(events) > 100 and len(examples) == 1, (len(events), len(examples))
for version, validator in validators():
    for data in events + examples:
        for fault in validator.iter_errors(of_version(data, version)):
            raise SystemExit(f"OCSF {version}: {fault.json_path}: {fault.message}\n{json.dumps(data, indent=2)}")
    # The schema refuses what is wrong.
    for wrong in ({"actor": {}}, {"time": "today"}, {"activity_id": 7}, {"unknown": 1}):
        assert not validator.is_valid(of_version(examples[0], version) | wrong), (version, wrong)
print(f"clients: {len(events)} events fit OCSF {VERSIONS[0]} to {VERSIONS[-1]}")

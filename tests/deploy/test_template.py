"""What is deployed is what `template.yaml` says; the values that are wanted are read from it."""

import json
import re

import boto3
import pytest

from stack import events, functions, schedules, template, workers

TEMPLATE = template()
GLOBALS = TEMPLATE["Globals"]["Function"]
FUNCTIONS = functions(TEMPLATE)
EVENTS = events(TEMPLATE)
SCHEDULES = schedules(TEMPLATE)
WORKERS = workers(TEMPLATE)


def wanted(function):
    return GLOBALS | FUNCTIONS[function]["Properties"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_the_time_memory_and_disk_of_the_template(stack, function):
    properties, deployed = wanted(function), stack.configuration(function)
    for name in ("Runtime", "Handler", "Timeout", "MemorySize"):
        assert deployed[name] == properties[name]
    assert deployed["Architectures"] == stack.resolve(properties["Architectures"])
    assert deployed["EphemeralStorage"] == properties.get("EphemeralStorage", {"Size": 512})


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_the_name_and_log_group_of_the_template(stack, function):
    properties, deployed = wanted(function), stack.configuration(function)
    assert deployed["FunctionName"] == stack.resolve(properties["FunctionName"])
    logging = GLOBALS["LoggingConfig"] | FUNCTIONS[function]["Properties"]["LoggingConfig"]
    assert deployed["LoggingConfig"] == stack.resolve(logging)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_the_variables_of_the_template_and_no_others(stack, function):
    variables = stack.resolve(GLOBALS["Environment"]["Variables"])
    assert stack.configuration(function)["Environment"]["Variables"] == variables


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_is_tried_again_as_the_template_says(stack, worker):
    asked = wanted(worker)["EventInvokeConfig"]
    deployed = boto3.client("lambda").get_function_event_invoke_config(
        FunctionName=stack.ids[worker], Qualifier="$LATEST"
    )
    assert deployed["MaximumRetryAttempts"] == asked["MaximumRetryAttempts"]


def test_every_schedule_of_a_function_calls_it_with_its_event_and_there_are_no_others(stack):
    client = boto3.client("events")
    rules = {rule["Name"]: rule["ScheduleExpression"] for rule in client.list_rules()["Rules"]}
    deployed = [
        (target["Arn"], schedule, target["Input"])
        for rule, schedule in rules.items()
        if rule.startswith(stack.name)
        for target in client.list_targets_by_rule(Rule=rule)["Targets"]
    ]
    wanted = [(stack.configuration(name)["FunctionArn"], schedule, event) for name, schedule, event in SCHEDULES]
    assert sorted(deployed) == sorted(wanted)


def test_checkpoints_are_signed_by_the_stacks_own_key(stack):
    key = stack.key("SigningKey")
    assert (key["KeySpec"], key["KeyUsage"], key["Enabled"]) == ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", True)
    assert stack.outputs["SigningKeyId"] == key["KeyId"]
    [alias] = boto3.client("kms").list_aliases(KeyId=key["KeyId"])["Aliases"]
    assert alias["AliasName"] == f"alias/{stack.name}-checkpoints"


def test_the_archive_has_no_versions_and_checkpoints_have(stack):
    s3 = boto3.client("s3")
    segments = s3.get_bucket_versioning(Bucket=stack.outputs["ArchiveBucketName"])
    assert "Status" not in segments
    checkpoints = s3.get_bucket_versioning(Bucket=stack.outputs["CheckpointsBucketName"])
    assert checkpoints["Status"] == "Enabled"


def test_every_event_of_a_function_is_a_route_to_it_and_there_are_no_others(stack):
    client, api = boto3.client("apigatewayv2"), stack.ids["HttpApi"]
    integrations = client.get_integrations(ApiId=api)["Items"]
    uris = {f"integrations/{integration['IntegrationId']}": integration["IntegrationUri"] for integration in integrations}
    routes = {route["RouteKey"]: uris[route["Target"]] for route in client.get_routes(ApiId=api)["Items"]}
    assert routes.keys() == {f"{method} {path}" for method, path, _ in EVENTS}
    for method, path, function in EVENTS:
        assert stack.configuration(function)["FunctionArn"] in routes[f"{method} {path}"]


@pytest.mark.parametrize("method, path, function", EVENTS)
def test_the_gateway_may_call_the_function_of_each_event(stack, method, path, function):
    policy = json.loads(boto3.client("lambda").get_policy(FunctionName=stack.ids[function])["Policy"])
    sources = [statement["Condition"]["ArnLike"]["AWS:SourceArn"] for statement in policy["Statement"]]
    route = f":{stack.ids['HttpApi']}/*/{method}{re.sub(r'{[^}]+}', '*', path)}"
    assert [source for source in sources if source.endswith(route)]

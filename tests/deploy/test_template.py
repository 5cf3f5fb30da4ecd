"""What is deployed is what `template.yaml` says; the values that are wanted are read from it."""

import json

import boto3
import pytest

from stack import events, functions, template, workers

TEMPLATE = template()
GLOBALS = TEMPLATE["Globals"]["Function"]
FUNCTIONS = functions(TEMPLATE)
EVENTS = events(TEMPLATE)
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
    route = f":{stack.ids['HttpApi']}/*/{method}{path.replace('{id}', '*')}"
    assert [source for source in sources if source.endswith(route)]

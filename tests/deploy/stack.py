"""The stack: what `make package` has written, deployed by `sam deploy`."""

import os
import re
import subprocess
from pathlib import Path

import boto3
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
NAME = "deploy-check"
AUDIENCE, OTHER_AUDIENCE = "deploy-check-api", "deploy-check-back-end"

# None has its default, so that a value that does not arrive is noticed; SignCheckpoints and what is off stay as they are.
PARAMETERS = {
    "Architecture": "x86_64",
    "JwtAudience": f"{AUDIENCE},{OTHER_AUDIENCE}",
    "PartnerClaim": "reseller",
    "RolesClaim": "duties",
    "RolesForm": "array",
    "SubjectClaim": "oid",
    "NameClaim": "preferred_username",
    "ReaderRoles": "admin_agent,sales_agent",
    "SubscriptionsUrl": "https://portal.example/of/{customer_id}",
    "PortalOrigin": "https://portal.example",
    "MaxLatenessDays": "3",
    "RetentionDays": "30",
    "MaxRunningExports": "2",
    "FirstSealDays": "0",
    "SealMarginSeconds": "960",
    "LogName": "log.deploy-check.example",
    "StreamFormat": "ocsf",
}

# The conditions of the template that these parameters meet; no other one is asked for.
MET = ("HasLogName", "HasStream", "SignsCheckpoints")


def template():
    return yaml_parse((ROOT / "template.yaml").read_text())


def functions(of):
    return {
        name: resource
        for name, resource in of["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def workers(of):
    """The functions that are called by an event of ours: all names that end so."""
    return [name for name in functions(of) if name.endswith("WorkerFunction")]


def schedules(of):
    """Function, schedule and event of each call that a clock makes."""
    return [
        (name, event["Properties"]["Schedule"], event["Properties"]["Input"])
        for name, function in functions(of).items()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "Schedule"
    ]


def events(of):
    """Method, path and function of each route."""
    return [
        (event["Properties"]["Method"], event["Properties"]["Path"], name)
        for name, function in functions(of).items()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]


def deploy(package, work, parameters, name=NAME):
    """As somebody does who has the package and sam: no command is on the path, so none of Rust's."""
    empty = work / "no-commands"
    empty.mkdir(exist_ok=True)
    sam = [ROOT / ".venv-deploy/bin/sam", "deploy", "--template", package / "template.yaml"]
    options = ["--stack-name", name, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-progressbar"]
    overrides = ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    done = subprocess.run(
        [*sam, *options, *overrides],
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "PATH": str(empty)},
        cwd=empty,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"sam deploy failed:\n{done.stdout}"


def value_of(parameter, text):
    """A parameter's value: some are lists."""
    kind = template()["Parameters"][parameter]["Type"]
    return text.split(",") if kind == "CommaDelimitedList" else text


class Stack:
    """What CloudFormation says of the stack."""

    def __init__(self, name=NAME):
        self.name = name
        cloudformation = boto3.client("cloudformation")
        described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        self.parameters = {
            parameter["ParameterKey"]: value_of(parameter["ParameterKey"], parameter["ParameterValue"])
            for parameter in described["Parameters"]
        }
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        self.ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        processed = cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
        self.resources = processed["Resources"]

    def configuration(self, function):
        return boto3.client("lambda").get_function_configuration(FunctionName=self.ids[function])

    def key(self, name):
        return boto3.client("kms").describe_key(KeyId=self.ids[name])["KeyMetadata"]

    def log(self, since=0.0, without=()):
        """What the functions wrote since that second, Lambda's own lines included."""
        pages = boto3.client("logs").get_paginator("filter_log_events")
        return [
            event["message"]
            for function in functions(template()).keys() - set(without)
            for page in pages.paginate(
                logGroupName=self.configuration(function)["LoggingConfig"]["LogGroup"],
                startTime=int(since * 1000),
            )
            for event in page["events"]
        ]

    def resolve(self, value):
        """The value with each `Ref`, `Fn::Sub` and `Fn::If`, those that are asked for, in place."""
        match value:
            case {"Ref": name}:
                return self.reference(name)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.reference(found[1]), text)
            case {"Fn::GetAtt": [name, attribute]}:
                return self.reference(f"{name}.{attribute}")
            case {"Fn::If": [condition, met, otherwise]}:
                return self.resolve(met if condition in MET else otherwise)
            case dict():
                return {name: self.resolve(inner) for name, inner in value.items()}
            case list():
                return [self.resolve(inner) for inner in value]
        return value

    def reference(self, name):
        pseudo = {"AWS::Partition": "aws", "AWS::Region": os.environ["AWS_DEFAULT_REGION"], "AWS::StackName": self.name}
        known = pseudo | self.parameters | self.ids
        if name.endswith("Key.Arn"):
            return self.key(name.removesuffix(".Arn"))["Arn"]
        if name.endswith(".Arn"):
            return self.configuration(name.removesuffix(".Arn"))["FunctionArn"]
        return known[name]

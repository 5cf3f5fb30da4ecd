"""What is left when the stack is deleted; the last of the files, since nothing runs afterwards."""

import boto3

from stack import NAME, template

TABLES = [
    name for name, resource in template()["Resources"].items() if resource["Type"] == "AWS::DynamoDB::Table"
]
BUCKETS = ("ExportsBucketName", "ArchiveBucketName", "CheckpointsBucketName")


def test_tables_buckets_and_key_outlive_the_stack(stack):
    cloudformation = boto3.client("cloudformation")
    cloudformation.delete_stack(StackName=NAME)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    functions = [function["FunctionName"] for function in boto3.client("lambda").list_functions()["Functions"]]
    assert [name for name in functions if name.startswith(NAME)] == []
    tables = boto3.client("dynamodb").list_tables()["TableNames"]
    assert {stack.ids[name] for name in TABLES} <= set(tables)
    for bucket in BUCKETS:
        boto3.client("s3").head_bucket(Bucket=stack.outputs[bucket])
    assert stack.key("SigningKey")["KeyState"] == "Enabled"

"""What one would write with boto3: a handler that records one activity.

The client is built once and keeps its connection. It validates little.
"""

import datetime
import json
import os
import uuid

import boto3
import runtime

DYNAMODB = boto3.client("dynamodb")
TABLE = os.environ["ACTIVITIES_TABLE"]
RETENTION = datetime.timedelta(days=400)
REQUIRED = ("action", "outcome", "customer", "actor")


def answer(status, body):
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }


def item(activity, request_id):
    customer, actor, resource = activity["customer"], activity["actor"], activity.get("resource")
    texts = {
        "partition_key": activity["partner_id"],
        "sort_key": f"{activity['occurred_at']}#{activity['id']}",
        "recorded_at": activity["recorded_at"],
        "request_id": request_id,
        "action": activity["action"],
        "outcome": activity["outcome"],
        "customer_id": customer["id"],
        "customer_name": customer["name"],
        "actor_id": actor["id"],
        "actor_name": actor["name"],
        "actor_kind": actor["kind"],
    }
    if resource:
        texts |= {"resource_type": resource["type"], "resource_id": resource["id"]}
    if "correlation_id" in activity:
        texts["correlation_id"] = activity["correlation_id"]
    numbers = {}
    if "details" in activity:
        texts["details"] = json.dumps(activity["details"], ensure_ascii=False)
        numbers["details_bytes"] = len(texts["details"].encode())
    expires_at = datetime.datetime.fromisoformat(activity["occurred_at"]) + RETENTION
    numbers["expires_at"] = int(expires_at.timestamp())
    attributes = {name: {"S": text} for name, text in texts.items()}
    return attributes | {name: {"N": str(number)} for name, number in numbers.items()}


def handler(event, _context):
    context = event["requestContext"]
    claims = context["authorizer"]["jwt"]["claims"]
    if "activity_recorder" not in claims["roles"].strip("[]").split(" "):
        return answer(403, {"code": "forbidden"})
    activity = json.loads(event["body"])
    if any(name not in activity for name in REQUIRED):
        return answer(400, {"code": "invalid_request"})
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    activity |= {"id": str(uuid.uuid4()), "partner_id": claims["partner_id"], "recorded_at": now}
    activity.setdefault("occurred_at", now)
    try:
        DYNAMODB.put_item(
            TableName=TABLE,
            Item=item(activity, context["requestId"]),
            ConditionExpression="attribute_not_exists(partition_key)",
        )
    except DYNAMODB.exceptions.ConditionalCheckFailedException:
        return answer(409, {"code": "conflict"})
    return answer(201, activity)


runtime.serve(handler)

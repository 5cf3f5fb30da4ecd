// What one would write with the SDK for JavaScript: a handler that records one activity.
//
// The client is built once and keeps its connection. It validates little.

import { randomUUID } from "node:crypto";

import { ConditionalCheckFailedException, DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";

import { serve } from "./runtime.mjs";

const dynamodb = new DynamoDBClient();
const TableName = process.env.ACTIVITIES_TABLE;
const RETENTION_SECONDS = 400 * 24 * 60 * 60;
const REQUIRED = ["action", "outcome", "customer", "actor"];

const answer = (statusCode, body) => ({
  statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

function item(activity, requestId) {
  const { customer, actor, resource, correlation_id, details } = activity;
  const texts = {
    partition_key: activity.partner_id,
    sort_key: `${activity.occurred_at}#${activity.id}`,
    recorded_at: activity.recorded_at,
    request_id: requestId,
    action: activity.action,
    outcome: activity.outcome,
    customer_id: customer.id,
    customer_name: customer.name,
    actor_id: actor.id,
    actor_name: actor.name,
    actor_kind: actor.kind,
  };
  if (resource) Object.assign(texts, { resource_type: resource.type, resource_id: resource.id });
  if (correlation_id) Object.assign(texts, { correlation_id });
  const numbers = {
    expires_at: Math.floor(Date.parse(activity.occurred_at) / 1000) + RETENTION_SECONDS,
  };
  if (details) {
    texts.details = JSON.stringify(details);
    numbers.details_bytes = Buffer.byteLength(texts.details);
  }
  const attributes = {};
  for (const name in texts) attributes[name] = { S: texts[name] };
  for (const name in numbers) attributes[name] = { N: String(numbers[name]) };
  return attributes;
}

async function handler({ body, requestContext }) {
  const { roles, partner_id } = requestContext.authorizer.jwt.claims;
  if (!roles.replace(/^\[|\]$/g, "").split(" ").includes("activity_recorder")) {
    return answer(403, { code: "forbidden" });
  }
  const asked = JSON.parse(body);
  if (REQUIRED.some((name) => !(name in asked))) {
    return answer(400, { code: "invalid_request" });
  }
  const now = new Date().toISOString();
  const activity = { occurred_at: now, ...asked, id: randomUUID(), partner_id, recorded_at: now };
  try {
    await dynamodb.send(
      new PutItemCommand({
        TableName,
        Item: item(activity, requestContext.requestId),
        ConditionExpression: "attribute_not_exists(partition_key)",
      }),
    );
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return answer(409, { code: "conflict" });
    throw error;
  }
  return answer(201, activity);
}

await serve(handler);

// What one would write with the SDK for JavaScript: a paginator, `csv-stringify`,
// a stream, a managed upload.
//
// The columns are those of a `raw` file of the worker.

import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text as untilEnd } from "node:stream/consumers";
import { zstdDecompressSync } from "node:zlib";

import { DynamoDBClient, paginateQuery } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { stringify } from "csv-stringify";

const { ACTIVITIES_TABLE, EXPORTS_BUCKET, BENCH_PARTNER, BENCH_OBJECT } = process.env;

const BETWEEN = [
  "customer_name", "action", "actor_name", "customer_id", "actor_id",
  "actor_kind", "outcome", "resource_type", "resource_id",
];

const text = (item, name) => item[name]?.S ?? "";

const details = ({ details }) =>
  details?.B ? zstdDecompressSync(details.B).toString() : (details?.S ?? "");

function row(item) {
  const [occurredAt, id] = item.sort_key.S.split("#");
  const between = BETWEEN.map((name) => text(item, name));
  return [occurredAt, ...between, id, text(item, "recorded_at"), text(item, "correlation_id"), details(item)];
}

let count = 0;

async function* rows() {
  const pages = paginateQuery(
    { client: new DynamoDBClient() },
    {
      TableName: ACTIVITIES_TABLE,
      KeyConditionExpression: "partition_key = :partner",
      ExpressionAttributeValues: { ":partner": { S: BENCH_PARTNER } },
      ScanIndexForward: false,
    },
  );
  for await (const { Items } of pages) {
    for (const item of Items) {
      count += 1;
      yield row(item);
    }
  }
}

const Body = new PassThrough();
const upload = new Upload({
  client: new S3Client(),
  params: { Bucket: EXPORTS_BUCKET, Key: BENCH_OBJECT, Body },
});
await Promise.all([pipeline(rows, stringify(), Body), upload.done()]);
console.log(JSON.stringify({ rows: count }));
// Stays until it has been looked at.
await untilEnd(process.stdin);

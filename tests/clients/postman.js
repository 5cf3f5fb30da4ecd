// Imports the contract into a Postman collection, whose base URL must be one that can be called.

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import postman from "openapi-to-postmanv2";

const data = await readFile(new URL("../../openapi.yaml", import.meta.url), "utf8");
const result = await promisify(postman.convertV2)({ type: "string", data }, {});
assert.equal(result.result, true, result.reason);
const [{ data: collection }] = result.output;

const { value } = collection.variable.find(({ key }) => key === "baseUrl");
assert.equal(new URL(value).origin, value, `the base URL is ${value}`);

/** All requests of a folder and the folders in it. */
function requests(folder) {
  return folder.item ? folder.item.flatMap(requests) : [folder.request];
}

const all = requests(collection);
assert.equal(all.length, data.match(/operationId:/g).length);
for (const { name, url } of all) assert.deepEqual(url.host, ["{{baseUrl}}"], name);

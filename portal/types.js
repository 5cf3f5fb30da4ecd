// Writes the API's types from its contract, so that page and service cannot drift.

import { writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const CONTRACT = new URL("../openapi.yaml", import.meta.url);
const TYPES = new URL("src/api/openapi.d.ts", import.meta.url);

/** `anyOf` beside properties says which of them go together, not what else there is. */
function withoutConditions(schema) {
  if (schema.properties) delete schema.anyOf;
}

await writeFile(TYPES, astToString(await openapiTS(CONTRACT, { transform: withoutConditions })));

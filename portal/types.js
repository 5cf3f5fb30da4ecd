// Writes the API's types from its contract, so that page and service cannot drift.

import { writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const CONTRACT = new URL("../openapi.yaml", import.meta.url);
const TYPES = new URL("src/api/openapi.d.ts", import.meta.url);

await writeFile(TYPES, astToString(await openapiTS(CONTRACT)));

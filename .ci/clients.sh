#!/usr/bin/env bash
# Clients run: generators make clients from openapi.yaml without a warning, and a program made of
# each records, lists, exports and downloads. What they make is in tests/clients/generated.
# The TypeScript client is tested too, and programs that were written for Partner Center. All that
# they record is streamed as OCSF, which is checked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly clients=$PWD/tests/clients
readonly made=$clients/generated
PATH="$clients/.venv/bin:$PWD/portal/.venv/bin:$PATH"

flags=(--variable STREAM_FORMAT=ocsf)
source .ci/local.sh

# What openapi-generator says of every contract, also of one with a single route.
readonly of_any_contract='Failed to get the schema name: null|Application(Json|Problem\+json) cannot be used as a model name'
# Names of the API that are words of the language; the clients have them as `var_from`, `r#type` and `param_self`.
readonly of_a_language='From \(reserved word\)|(type|self) cannot be used as a field/variable name'

# Runs a generator, which must not warn.
generate() {
  "$@" >"$work/generator.log" 2>&1 || { cat "$work/generator.log"; fail "$1 ended with an error"; }
  if grep -iE '\bwarn|\berror\b' "$work/generator.log" | grep -vE "INFO|$of_any_contract|$of_a_language"; then
    fail "$1 warned"
  fi
}

generator() {
  generate openapi-generator-cli generate --input-spec openapi.yaml --generator-name "$1" --output "$made/$1" \
    --additional-properties "packageName=$2,packageVersion=0.0.0"
}

rm -rf "$made"
mkdir "$made"
generate openapi-python-client generate --path openapi.yaml --output-path "$made/partner_log_httpx" --meta none --fail-on-warning
generator python partner_log_urllib3
generator rust partner_log
npm ci --prefix "$clients" --ignore-scripts --no-audit --no-fund --silent
generate "$clients/node_modules/.bin/openapi-typescript" openapi.yaml --output "$made/openapi.ts"
echo 'clients: made without a warning'

node "$clients/postman.js"
echo 'clients: Postman keeps a base URL'

export BASE=$base TOKEN=$bearer NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
PYTHONPATH="$made" python "$clients/openapi_python_client.py"
echo 'clients: openapi-python-client: ok'
PYTHONPATH="$made/python" python "$clients/openapi_generator.py"
echo 'clients: openapi-generator, Python: ok'
"$clients/node_modules/.bin/tsc" --project "$clients"
node "$clients/walk.ts"
echo 'clients: openapi-typescript: ok'
readonly typescript=$PWD/client-typescript
npm ci --prefix "$typescript" --ignore-scripts --no-audit --no-fund --silent
npm run check --prefix "$typescript" --silent
npm test --prefix "$typescript" --silent
(cd "$typescript" && npm pack --dry-run --silent)
echo 'clients: client-typescript: ok'
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/clients" cargo run --quiet --locked --manifest-path "$clients/rust/Cargo.toml"
echo 'clients: openapi-generator, Rust: ok'

# What programs of Partner Center send, with another address and another token.
START=$(date --utc +%F)
export START
readonly columns=id,partnerId,customerId,customerName,userPrincipalName,resourceType,resourceNewValue,operationType
for place in {1..12}; do
  curl --silent --show-error --fail --output "$work/recorded" "$base/v1/activities" -H "Authorization: Bearer $bearer" --data-binary @- <<JSON
{"action":"order_$place","outcome":"succeeded","customer":{"id":"c-1","name":"Relecloud"},"actor":{"id":"u-17","name":"ann@contoso.example",
"kind":"user"},"resource":{"type":"order","id":"o-1"},"correlation_id":"x-1","details":{"new_value":"1","customized_data":[{"key":"a","value":"b"}]}}
JSON
done
python "$clients/auditrecords.py" >"$work/records.csv"
grep -q "^$columns,originalCorrelationId,operationDate,operationStatus,customizedData,attributes" "$work/records.csv" ||
  fail "other columns: $(head -n 1 "$work/records.csv")"
node "$clients/auditrecords.ts" >"$work/of_typescript"
curl -H "Authorization: Bearer $TOKEN" "$BASE/v1/auditrecords?startDate=$START" --silent --show-error --fail --output "$work/of_curl"
for place in {1..12}; do
  grep -q ",order_$place," "$work/records.csv" || fail "the script did not print order_$place"
  grep -qx "order_$place" "$work/of_typescript" || fail "TypeScript did not read order_$place"
  grep -q "\"order_$place\"" "$work/of_curl" || fail "curl did not read order_$place"
done
echo 'clients: programs of Partner Center: ok'
python "$clients/ocsf.py"
! grep -q panicked "$work/local.log" || fail "the service panicked"

#!/usr/bin/env bash
# Smoke run: the real binaries under `cargo lambda watch`, behind the local gateway.
# It shows that they start, read their environment and speak Lambda's protocol;
# what they do is left to `make test`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly start_seconds=60
readonly first_call_seconds=900
readonly call_seconds=120

work=$(mktemp -d)
base='' token='' local_pid='' watch_pid=''

alive() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# Ends what this script started, by process id. On TERM, `cargo lambda watch` ends its
# functions; they have sessions of their own, so nothing else would end them.
stop() {
  local status=$? children='' pid
  trap - EXIT INT TERM
  if alive "$watch_pid"; then children=$(cat /proc/"$watch_pid"/task/*/children 2>/dev/null) || true; fi
  for pid in $watch_pid $local_pid; do kill -TERM "$pid" 2>/dev/null || true; done
  for _ in {1..100}; do
    alive "$watch_pid" || alive "$local_pid" || break
    sleep 0.1
  done
  for pid in $watch_pid $local_pid $children; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$work"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "smoke: $1" >&2
  tail -n 40 "$work"/*.log >&2 || true
  exit 1
}

# wait_for SECONDS WHAT COMMAND...: waits until the command succeeds.
wait_for() {
  local seconds=$1 deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    alive "$local_pid" || fail "local ended before $what"
    [[ -z $watch_pid ]] || alive "$watch_pid" || fail "cargo lambda watch ended before $what"
    ((SECONDS < deadline)) || fail "not within ${seconds} s: $what"
    sleep 0.2
  done
}

fetch() { curl --silent --show-error --noproxy '*' --max-time "$call_seconds" "$@"; }

# request STATUS PATH [CURL OPTION...]: sends a request; body and headers hold the answer.
request() {
  local wanted=$1 path=$2 status
  shift 2
  status=$(fetch --output "$work/body" --dump-header "$work/headers" --write-out '%{http_code}' "$@" "$base$path") ||
    fail "$path: no answer"
  [[ $status == "$wanted" ]] || fail "$path: $status instead of $wanted: $(cat "$work/body")"
}

as_ann() { request "$@" --header "authorization: Bearer $token"; }

# field NAME...: prints the value at that place in the last answer.
field() {
  python3 - "$work/body" "$@" <<'PYTHON' || fail "the last answer has no $*: $(cat "$work/body")"
import json, sys

value = json.load(open(sys.argv[1], encoding="utf-8"))
for name in sys.argv[2:]:
    value = value[name]
print(value)
PYTHON
}

start() {
  # Built as watch builds them, so that the first calls compile nothing: `--bin` without
  # `-p`, because the features of the whole workspace differ from those of a package.
  local functions=(functions/*)
  cargo build --locked --bin local "${functions[@]/#functions\//--bin=}"

  local port
  port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  watch_address=(--invoke-address 127.0.0.1 --invoke-port "$port")

  cargo run --quiet --locked --bin local -- --port 0 --dynamodb-port 0 --s3-port 0 --data-dir "$work/data" \
    --functions "http://127.0.0.1:$port" >"$work/local.log" 2>&1 &
  local_pid=$!
  wait_for "$start_seconds" "the gateway answered" gateway_answers
  token=$(field access_token)

  # The functions read no files of the SDK: this file would make each of their calls fail.
  printf '[default]\nuse_fips_endpoint = true\n' >"$work/aws-config"
  AWS_CONFIG_FILE="$work/aws-config" \
    .venv-build/bin/cargo-lambda lambda watch --ignore-changes --locked "${watch_address[@]}" \
    --env-file "$work/data/functions.env" >"$work/watch.log" 2>&1 &
  watch_pid=$!
  wait_for "$first_call_seconds" "list answered" list_answers
}

# The functions call the worker through the gateway, so their environment holds its address.
gateway_answers() {
  base=$(sed -n "s/^AWS_ENDPOINT_URL_LAMBDA=//p" "$work/data/functions.env" 2>/dev/null | tr -d "'\"")
  [[ -n $base ]] && fetch --fail --get --output "$work/body" "$base/dev/token" --data-urlencode partner_id=smoke \
    --data-urlencode roles=admin_agent,activity_recorder --data-urlencode name=ann@smoke.example 2>/dev/null
}

list_answers() { fetch --fail --output /dev/null "$base/v1/openapi.json" 2>/dev/null; }

# Each tests/events/<function>__<what>.json, as a developer would send it.
# It comes first because it also starts every binary, so that the export below does not wait for a start.
invoke_events() {
  local file function
  for file in tests/events/*.json; do
    function=${file##*/}
    function=${function%%__*}
    timeout "$call_seconds" .venv-build/bin/cargo-lambda lambda invoke "$function" "${watch_address[@]}" --data-file "$file" \
      >"$work/body" || fail "$file: the invocation failed"
    python3 - "$function" "$work/body" <<'PYTHON' || fail "$file: $(cat "$work/body")"
import json, sys

answer = json.load(open(sys.argv[2], encoding="utf-8"))
if sys.argv[1] == "stream":
    assert answer == {"batchItemFailures": []}
elif not sys.argv[1].endswith("-worker") and sys.argv[1] != "sweeper":
    assert answer["statusCode"] < 500
PYTHON
  done
}

# Every function has started by now. What is logged outside a call, at its start, must not warn.
start_quietly() {
  local lines
  lines=$(grep -E '"level":"(WARN|ERROR)"' "$work/watch.log" | grep -v function_request_id || true)
  [[ -z $lines ]] || fail "a start warned: $lines"
}

record_and_list() {
  local activity
  activity='{ "occurred_at": "'$(date -u +%Y-%m-%dT%H:%M:%S.000Z)'",
    "action": "create_order", "outcome": "succeeded",
    "customer": { "id": "c-1", "name": "Relecloud" },
    "actor": { "id": "u-17", "name": "ann@smoke.example", "kind": "user" } }'
  local record=(--header 'content-type: application/json' --header 'idempotency-key: smoke-1' --data "$activity")

  request 401 /v1/activities
  as_ann 201 /v1/activities "${record[@]}"
  id=$(field id)
  as_ann 200 /v1/activities "${record[@]}"
  grep -qi '^idempotency-replayed: true' "$work/headers" || fail "the repeat does not say that it is one"
  [[ $(field id) == "$id" ]] || fail "the repeat is another activity"
  as_ann 200 /v1/activities
  grep -qF "\"$id\"" "$work/body" || fail "the list lacks $id"
}

is_ready() {
  as_ann 200 "/v1/exports/$1"
  [[ $(field state) == ready ]]
}

export_and_download() {
  # A file holds what was recorded at least a second before its export.
  sleep 2
  as_ann 202 /v1/exports --header 'content-type: application/json' --data '{}'
  export=$(field id)
  wait_for "$call_seconds" "the export is ready" is_ready "$export"
  fetch --fail --output "$work/export.csv" "$(field download url)" || fail "the link does not work"
  python3 - "$work/export.csv" "$id" <<'PYTHON' || fail "the file is not a header and $id: $(cat "$work/export.csv")"
import csv, sys

header, row = csv.reader(open(sys.argv[1], encoding="utf-8-sig", newline=""))
assert len(row) == len(header) and sys.argv[2] in row
PYTHON
}

start
invoke_events
start_quietly
record_and_list
export_and_download
echo 'smoke: ok'

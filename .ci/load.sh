#!/usr/bin/env bash
# Load run: a minute of records and lists on a stack of its own. Afterwards the log must
# hold everything that was recorded, and the memory must not have grown.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Without `-p`: with the features of the whole workspace, nothing is compiled again after
# `make smoke` and `make test`.
cargo build --locked --bin local
cargo build --locked --example load
bin="${CARGO_TARGET_DIR:-target}/debug"
work=$(mktemp -d)
"$bin/local" --port 0 --dynamodb-port 0 --s3-port 0 --data-dir "$work/data" >"$work/log" 2>&1 &
stack=$!
trap 'kill "$stack" 2>/dev/null || true; wait "$stack" 2>/dev/null || true; rm -rf "$work"' EXIT

for _ in $(seq 100); do
  url=$(grep -om1 'http://127.0.0.1:[0-9]*' "$work/log" || true)
  if [[ -n $url ]] && curl --silent --fail --output /dev/null "$url/v1/openapi.json"; then break; fi
  sleep 0.1
done
if ! "$bin/examples/load" --url "$url" --pid "$stack" "$@"; then
  tail -20 "$work/log"
  exit 1
fi
echo 'load: ok'

#!/usr/bin/env bash
# Contract run: schemathesis generates valid and invalid requests from openapi.yaml and
# compares the service's answers with it. The same seed generates the same requests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly start_seconds=60
readonly run_seconds=600
readonly seed=${SEED:-20261122}
readonly examples=${EXAMPLES:-100}

work=$(mktemp -d)
local_pid=''

stop() {
  local status=$?
  trap - EXIT INT TERM
  if [[ -n $local_pid ]]; then kill -TERM "$local_pid" 2>/dev/null || true; wait "$local_pid" 2>/dev/null || true; fi
  rm -rf "$work"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "contract: $1" >&2
  tail -n 40 "$work/local.log" >&2 || true
  exit 1
}

# Gets a token that may record and read, as soon as the gateway answers.
token() {
  base=$(sed -n 's/^ *API *\(http[^ ]*\).*/\1/p' "$work/local.log")
  [[ -n $base ]] && curl --silent --fail --noproxy '*' --get "$base/dev/token" --data-urlencode partner_id=contoso \
    --data-urlencode roles=global_admin,activity_recorder --data-urlencode name=ann@contoso.example --output "$work/token"
}

# Built as in `make smoke`, so that neither run compiles again what the other compiled.
cargo build --workspace --bins --locked
cargo run --quiet --locked --bin local -- --port 0 --dynamodb-port 0 --s3-port 0 --data-dir "$work/data" \
  >"$work/local.log" 2>&1 &
local_pid=$!
readonly deadline=$((SECONDS + start_seconds))
until token; do
  kill -0 "$local_pid" 2>/dev/null || fail "local ended"
  ((SECONDS < deadline)) || fail "no token within $start_seconds s"
  sleep 0.2
done
bearer=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["access_token"])' "$work/token")

echo "contract: seed $seed, $examples examples an operation; SEED and EXAMPLES choose others"
NO_PROXY='*' SCHEMATHESIS_HOOKS=tests/schemathesis/checks.py timeout "$run_seconds" \
  .venv/bin/schemathesis --config-file tests/schemathesis/schemathesis.toml run "$base/v1/openapi.json" \
  --header "Authorization: Bearer $bearer" --seed "$seed" --max-examples "$examples"
! grep -q panicked "$work/local.log" || fail "the service panicked"

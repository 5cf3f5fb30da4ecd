#!/usr/bin/env bash
# Contract run: schemathesis generates valid and invalid requests from openapi.yaml and
# compares the service's answers with it. The same seed generates the same requests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly run_seconds=600
readonly seed=${SEED:-20261122}
readonly examples=${EXAMPLES:-100}

# An erasure would wait for events, and refuse imports meanwhile.
flags=(--variable STREAM_FORMAT=)
source .ci/local.sh

echo "contract: seed $seed, $examples examples an operation; SEED and EXAMPLES choose others"
NO_PROXY='*' SCHEMATHESIS_HOOKS=tests/schemathesis/checks.py timeout "$run_seconds" \
  .venv/bin/schemathesis --config-file tests/schemathesis/schemathesis.toml run "$base/v1/openapi.json" --url "$base" \
  --header "Authorization: Bearer $bearer" --seed "$seed" --max-examples "$examples"
! grep -q panicked "$work/local.log" || fail "the service panicked"

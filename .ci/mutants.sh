#!/usr/bin/env bash
# Mutation run: changes the code that .cargo/mutants.toml names in one place after another; each time
# a test must fail. A change that no test notices must be in docs/mutations.md with its reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly out=.mutants report=docs/mutations.md
export PATH="$PWD/$out/bin:$PATH" LC_ALL=C

# The changes are made in place and then undone, so that compiled code is used again.
if ! git diff --quiet HEAD -- shared; then
  echo 'mutants: commit what changed in shared first' >&2
  exit 1
fi

# The random values are the same each time, and a failure leaves no file in the tree.
export PROPTEST_RNG_SEED=1 PROPTEST_DISABLE_FAILURE_PERSISTENCE=true INSTA_UPDATE=no MODEL_SEEDS=0..40

# Tries the changes that no earlier pass has caught.
pass() {
  echo "mutants: $1"
  shift
  local status=0
  cargo mutants --in-place --iterate --package shared --baseline skip --output "$out" --no-times "$@" || status=$?
  # Changes that were missed or took too long are left to the next pass.
  ((status == 0 || status == 2 || status == 3)) || exit "$status"
}

# The tests first run without a change: a test that fails anyway would seem to catch everything.
units() {
  cargo test --package shared --lib --locked
  pass 'unit tests' --cargo-arg=--lib --timeout 60
}

service() {
  cargo test --package tests --locked -- "${@:2}"
  pass "$1" --test-package tests --timeout 600 -- -- "${@:2}"
}

# KEEP=1 continues an interrupted run.
[[ -n ${KEEP:-} ]] || rm -rf "$out/mutants.out" "$out/mutants.out.old"
units
service 'stores and routes' stores:: record:: list:: access:: export::create
service 'interruptions and chance' erasure:: isolation:: export::file export::life export::resume promises:: seeds::

survivors=$(sed -E 's/:[0-9]+:[0-9]+:/:/' "$out/mutants.out/missed.txt" | sort)
unexplained=$(comm -23 <(echo "$survivors") <(sed -n 's/^\* `\(.*\)`: .*/\1/p' "$report" | sort))
if [[ -n $unexplained ]]; then
  printf 'mutants: no test fails, and %s says nothing of:\n%s\n' "$report" "$unexplained" >&2
  exit 1
fi
echo 'mutants: ok'

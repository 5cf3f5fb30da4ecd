#!/usr/bin/env bash
# Mutation run: what .cargo/mutants.toml names is changed at one place after another, and each time
# a test must fail. A change that none notices must stand in docs/mutations.md with its reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly out=.mutants report=docs/mutations.md
export PATH="$PWD/$out/bin:$PATH" LC_ALL=C

# The changes are made in place, so that what is compiled already stays so, and then undone.
if ! git diff --quiet HEAD -- shared; then
  echo 'mutants: commit what changed in shared first' >&2
  exit 1
fi

# The same made-up values each time; a failure leaves nothing in the tree.
export PROPTEST_RNG_SEED=1 PROPTEST_DISABLE_FAILURE_PERSISTENCE=true INSTA_UPDATE=no MODEL_SEEDS=0..40

# Tries what no pass before has caught.
pass() {
  echo "mutants: $1"
  shift
  local status=0
  cargo mutants --in-place --iterate --package shared --baseline skip --output "$out" --no-times "$@" || status=$?
  # Missed ones and those that took too long are for the next pass.
  ((status == 0 || status == 2 || status == 3)) || exit "$status"
}

# What fails by itself would seem to catch everything.
units() {
  cargo test --package shared --lib --locked --quiet
  pass 'unit tests' --cargo-arg=--lib --timeout 60
}

service() {
  cargo test --package tests --locked --quiet -- "${@:2}"
  pass "$1" --test-package tests --timeout 600 -- -- "${@:2}"
}

# KEEP=1 goes on where a run was interrupted.
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

# For scripts to source: the whole service on free ports of this machine, with an empty log.
# Sets `base`, the address of its API, and `bearer`, a token that may record, import and read.
# `flags`, if it is set, are further flags of the service.

readonly start_seconds=60

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
  echo "$(basename "$0" .sh): $1" >&2
  tail -n 40 "$work/local.log" >&2 || true
  exit 1
}

# Gets that token, as soon as the gateway answers.
token() {
  base=$(sed -n 's/^ *API *\(http[^ ]*\).*/\1/p' "$work/local.log")
  [[ -n $base ]] && curl --silent --fail --noproxy '*' --get "$base/dev/token" --data-urlencode partner_id=contoso \
    --data-urlencode roles=global_admin,activity_recorder,history_importer --data-urlencode name=ann@contoso.example --output "$work/token"
}

# Built as in `make smoke`, so that neither run compiles again what the other compiled.
cargo build --locked --bin local
cargo run --quiet --locked --bin local -- --port 0 --dynamodb-port 0 --s3-port 0 --data-dir "$work/data" ${flags[@]+"${flags[@]}"} \
  >"$work/local.log" 2>&1 &
local_pid=$!
readonly deadline=$((SECONDS + start_seconds))
until token; do
  kill -0 "$local_pid" 2>/dev/null || fail "local ended"
  ((SECONDS < deadline)) || fail "no token within $start_seconds s"
  sleep 0.2
done
bearer=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["access_token"])' "$work/token")

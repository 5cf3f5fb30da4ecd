#!/usr/bin/env bash
# Installs the system's packages that a command needs and this machine lacks. Root can
# install them on Debian; for others it says what to install.
# Usage: .ci/packages.sh run|test
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null || missing+=("${@:2}"); }

need cc gcc libc6-dev
need python3 python3 python3-venv
# Debian has Python without the module that fills a new environment.
if command -v python3 >/dev/null && ! python3 -c 'import ensurepip' 2>/dev/null; then missing+=(python3-venv); fi

if [[ ${1:-} == test ]]; then
  # The tests check proofs with a program in Python, unpack exported files with other
  # people's programs, and open them in LibreOffice and the page in Chromium. `perl-base` lacks the module.
  need make make
  python3 -c 'import cryptography' 2>/dev/null || missing+=(python3-cryptography)
  need curl curl
  need gzip gzip
  perl -MIO::Uncompress::Gunzip -e 1 2>/dev/null || missing+=(perl)
  need soffice libreoffice-calc-nogui
  [[ -x ${CHROMIUM:-} ]] || need chromium chromium
fi

((${#missing[@]})) || exit 0
if ! command -v apt-get >/dev/null || ((EUID != 0)); then
  echo "This machine lacks what these Debian packages hold; install them first:" >&2
  echo "  sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "Installing ${missing[*]} with apt-get"
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"

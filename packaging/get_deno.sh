#!/usr/bin/env bash
# Makes `.tools/bin/deno` the wanted version of Deno: the one on the PATH where that is it, else the npm package.
# Usage: packaging/get_deno.sh VERSION
set -euo pipefail
version=$1
cd "$(dirname "$0")/.."

is_wanted() { [[ -n $1 && "$("$1" --version 2>/dev/null | head -n 1)" == "deno $version "* ]]; }
link() { mkdir -p .tools/bin && ln -sfn "$1" .tools/bin/deno; }

is_wanted .tools/bin/deno && exit 0

on_path=$(type -P deno || true)
if is_wanted "$on_path"; then
  link "$(realpath "$on_path")"
  exit 0
fi

if ! type -P npm >/dev/null; then
  cat >&2 <<EOF
Edgekeep is built with Deno $version, which is not on this machine's PATH, and npm, which could fetch it, is missing too.
Install Deno $version, then try again:

    curl -fsSL https://deno.land/install.sh | sh -s v$version

EOF
  exit 1
fi

echo "Fetching Deno $version into .tools/ …" >&2
npm install --prefix .tools --silent --no-audit --no-fund --no-package-lock --save-exact "deno@$version" >&2
for program in .tools/node_modules/@deno/*/deno; do
  chmod u+x "$program"
  if is_wanted "$program"; then
    link "../../$program"
    exit 0
  fi
done
echo "The npm package deno@$version has no program that runs here ($(uname -sm), a system with glibc is needed)" >&2
exit 1

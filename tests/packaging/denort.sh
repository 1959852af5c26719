#!/usr/bin/env bash
# For the packaging check on machines that cannot reach Deno's download host: makes a genuine denort, the runtime that
# `deno compile` embeds, for x86_64 Linux, and the matching Deno. Prints the lines `DENORT_BIN_x86_64=…`, `DENORT_DENO=…`.
# It is of Deno 2.4.2, so it proves packing, embedded files, sandboxed workers and SQLite, but not what needs Deno 2.9.
#
# It comes out of a Deno-compiled program that its makers publish on npm: such a program is denort followed by its own
# payload, so denort is the file up to the end of its ELF image.
# Usage: tests/packaging/denort.sh FOLDER    (kept there; a second call is quick)
set -euo pipefail
folder=$(mkdir -p "$1" && realpath "$1")
deno_version=2.4.2
package=@vltpkg/cli-linux-x64@0.0.0-18
checksum=2705685d7478610b98dcd43acecd457a19810146323041c8af8a88f7dd0b5e82
denort=$folder/denort
deno=$folder/node_modules/@deno/linux-x64-glibc/deno

is_genuine() { echo "$checksum  $denort" | sha256sum --status --check - 2>/dev/null; }

if ! is_genuine; then
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  (cd "$unpacked" && npm pack --silent "$package" >/dev/null && tar xzf ./*.tgz package/vlt)
  program=$unpacked/package/vlt
  # the image ends with its section header table: e_shoff + e_shentsize * e_shnum (ELF-64 header)
  read -r offset < <(od -An -t u8 -j 40 -N 8 "$program")
  read -r entry_size entries < <(od -An -t u2 -j 58 -N 4 "$program")
  head -c $((offset + entry_size * entries)) "$program" >"$denort"
  chmod 0755 "$denort"
  is_genuine || { echo "denort.sh: $package does not hold the denort that was expected" >&2; exit 1; }
fi
if [[ ! -x $deno ]]; then
  npm install --prefix "$folder" --silent --no-audit --no-fund --no-package-lock "@deno/linux-x64-glibc@$deno_version" >&2
  chmod 0755 "$deno"
fi
echo "DENORT_BIN_x86_64=$denort"
echo "DENORT_DENO=$deno"

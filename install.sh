#!/usr/bin/env bash
# Installs Edgekeep as a service on a Linux machine with systemd. A second run updates the program and the unit, and
# leaves configuration and data as they are.
set -euo pipefail

usage() {
  cat <<'EOF'
Usage: install.sh [OPTIONS] [PROGRAM]

PROGRAM is the executable edgekeep-<version>-<architecture>; without it, the one beside this script that fits this
machine. A SHA256SUMS file beside PROGRAM is checked.

  --user NAME       system user that runs the service (edgekeep)
  --prefix DIR      where the program goes: DIR/bin/edgekeep (/usr/local)
  --root DIR        install below DIR, as for an image: no user is created and systemd is not called
  --no-start        do not start the service now
  --uninstall       remove program and unit; configuration, data and user stay
  --help
EOF
}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

user=edgekeep prefix=/usr/local root='' start=yes uninstall=no program=''
while (($#)); do
  case $1 in
    --user | --prefix | --root)
      (($# >= 2)) || fail "$1 needs a value"
      declare "${1#--}=$2"
      shift
      ;;
    --no-start) start=no ;;
    --uninstall) uninstall=yes ;;
    --help)
      usage
      exit 0
      ;;
    -*) fail "Unknown option $1 (see --help)" ;;
    *)
      [[ -z $program ]] || fail "More than one program is named: $program, $1"
      program=$1
      ;;
  esac
  shift
done
root=${root%/}

target=$prefix/bin/edgekeep
config_dir=/etc/edgekeep data_dir=/var/lib/edgekeep log_dir=/var/log/edgekeep
# in the unit's RuntimeDirectory, which is gone when the service is
control=unix:///run/edgekeep/control.sock
unit=/etc/systemd/system/edgekeep.service

# a staged installation leaves the running system alone
staged() { [[ -n $root ]]; }
systemd_runs() { ! staged && [[ -d /run/systemd/system ]]; }

staged || ((EUID == 0)) || fail 'Run this as root (sudo), or name a folder with --root'

if [[ $uninstall == yes ]]; then
  if systemd_runs && [[ -e $unit ]]; then systemctl disable --now edgekeep.service; fi
  rm -f "$root$target" "$root$unit"
  if systemd_runs; then systemctl daemon-reload; fi
  say "Removed $root$target and $root$unit."
  say "Kept: the configuration in $root$config_dir, the data in $root$data_dir, the user $user."
  exit 0
fi

# --- does this machine fit? ---------------------------------------------------------------------------------------

[[ $(uname -s) == Linux ]] || fail "This is $(uname -s); Edgekeep runs on Linux"
machine=$(uname -m)
case $machine in
  x86_64 | aarch64) ;;
  arm64) machine=aarch64 ;;
  armv*) fail "This is a 32-bit system ($machine). Install the 64-bit one: Edgekeep needs aarch64 or x86_64" ;;
  *) fail "Edgekeep is made for x86_64 and aarch64; this machine is $machine" ;;
esac

page_size=$(getconf PAGESIZE)
[[ $page_size == 4096 ]] || fail "This kernel uses memory pages of $page_size bytes; Edgekeep needs 4096.
On a Raspberry Pi 5, add the line

    kernel=kernel8.img

to /boot/firmware/config.txt, restart the machine, and run this again."

libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
[[ $libc == glibc\ * ]] || fail 'This system has no glibc (musl, as on Alpine, is not supported); use a Debian-like one'

# --- the program --------------------------------------------------------------------------------------------------

if [[ -z $program ]]; then
  here=$(cd "$(dirname "$0")" && pwd)
  # several versions side by side: the highest
  program=$(find "$here" -maxdepth 1 -name "edgekeep-*-$machine" | sort -V | tail -n 1)
  [[ -n $program ]] || fail "There is no edgekeep-*-$machine beside this script; name the program"
fi
[[ -f $program ]] || fail "There is no file $program"

# e_machine of the ELF header
case $(od -An -t x1 -N 20 "$program" | tr -d ' \n') in
  7f454c46????????????????????????????3e00) built_for=x86_64 ;;
  7f454c46????????????????????????????b700) built_for=aarch64 ;;
  *) fail "$program is not a Linux program" ;;
esac
[[ $built_for == "$machine" ]] || fail "$program is for $built_for; this machine is $machine"

sums=$(dirname "$program")/SHA256SUMS
if [[ -f $sums ]]; then
  line=$(awk -v name="$(basename "$program")" '$2 == name' "$sums")
  [[ -n $line ]] || fail "$sums does not list $(basename "$program")"
  (cd "$(dirname "$program")" && sha256sum --status --check - <<<"$line") ||
    fail "The checksum of $program is not the one in $sums: fetch it again"
  say 'Checksum: as in SHA256SUMS.'
fi

# --- user and folders ---------------------------------------------------------------------------------------------

if ! staged && ! getent passwd "$user" >/dev/null; then
  useradd --system --user-group --home-dir "$data_dir" --no-create-home --shell /usr/sbin/nologin "$user"
  say "Created the system user $user."
fi
owner=()
if ! staged; then owner=(--owner="$user" --group="$user"); fi

install -d -m 0755 "$root$prefix/bin" "$root$(dirname "$unit")"
install -d -m 0750 "${owner[@]}" "$root$config_dir" "$root$log_dir"
install -d -m 0700 "${owner[@]}" "$root$data_dir"

# a new file in place of the old one: a running program keeps its own
install -m 0755 "$program" "$root$target.new"
mv -f "$root$target.new" "$root$target"
version=$("$root$target" version) || fail "$root$target does not run on this machine"
say "Installed $version as $root$target."

# --- configuration and unit ---------------------------------------------------------------------------------------

config=$config_dir/edgekeep.toml
if [[ -e $root$config ]]; then
  say "Kept the configuration $root$config."
else
  "$root$target" init "$root$config_dir" >/dev/null
  sed -i "s|^#\?data_dir = .*|data_dir = \"$data_dir\"|" "$root$config"
  grep -q "^data_dir = \"$data_dir\"$" "$root$config" || fail "$root$config has no key data_dir"
  sed -i "s|^#\?endpoint = \"unix://.*|endpoint = \"$control\"|" "$root$config"
  grep -q "^endpoint = \"$control\"$" "$root$config" || fail "$root$config has no key endpoint"
  if ! staged; then chown -R "$user:$user" "$config_dir"; fi
  say "Wrote a configuration to fill in: $root$config."
  say "It names the user scada, an admin, with the password in $root$config_dir/opcua-password."
fi

"$root$target" systemd --user "$user" --config "$config" --data-dir "$data_dir" --program "$target" >"$root$unit.new"
chmod 0644 "$root$unit.new"
mv -f "$root$unit.new" "$root$unit"
say "Wrote the unit $root$unit."

if systemd_runs; then
  systemctl daemon-reload
  systemctl enable --quiet edgekeep.service
  if [[ $start == no ]]; then
    say 'Enabled the service; it starts with the machine, or now with: systemctl start edgekeep'
  elif "$target" validate --config "$config"; then
    systemctl restart edgekeep.service
    say 'Started the service. Watch it with: journalctl -fu edgekeep'
  else
    say 'The service was not (re)started, since the configuration is refused (see above).'
  fi
fi
say "After each change of $root$config: $target validate --config $config && systemctl reload-or-restart edgekeep"

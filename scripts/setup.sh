#!/usr/bin/env bash
# Brings what varft needs on this host: npm packages, nats-server, a Docker engine, the sandbox image.
#
#   bash scripts/setup.sh           install what is missing (nothing missing: well under a second)
#   bash scripts/setup.sh --plan    only say what is missing and with which commands it would come
#
# It changes nothing before it has said what, and where it may not install (no Debian, no root) it
# prints the commands for a person and exits 1. Safe to repeat and to run twice at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C
# shellcheck source=scripts/setup-docker.sh
. scripts/setup-docker.sh
# shellcheck source=scripts/setup-image.sh
. scripts/setup-image.sh

readonly NODE_MAJOR_MIN=20
readonly LOCK_STAMP=node_modules/.varft-lock-hash

say() { printf 'setup %3d s: %s\n' "$SECONDS" "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# "" for root, "sudo" where it asks for no password; elsewhere this host is not ours to change.
privilege() {
  if [ "$(id -u)" = 0 ]; then
    echo ""
  elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
    echo "sudo"
  else
    return 1
  fi
}

lock_hash() { sha256sum < package-lock.json | cut -d' ' -f1; }

npm_missing() {
  [ -d node_modules ] || return 0
  [ "$(cat "$LOCK_STAMP" 2> /dev/null)" = "$(lock_hash)" ] && return 1
  # Installed by hand: npm's own record is then newer than the lock file.
  [ node_modules/.package-lock.json -nt package-lock.json ] && return 1
  return 0
}

install_npm() {
  npm ci --no-audit --no-fund --loglevel=error
  lock_hash > "$LOCK_STAMP"
}

nats_missing() { ! command -v nats-server > /dev/null && [ ! -x /usr/sbin/nats-server ]; }

install_apt() {
  local sudo=$1
  shift
  $sudo apt-get -qq update
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" > /dev/null
}

node_major() { node --version 2> /dev/null | sed 's/^v//; s/\..*//'; }

plan() {
  npm_missing && steps+=("npm packages|npm ci")
  nats_missing && packages+=(nats-server)
  case "$(docker_state)" in
    ready) image_missing && steps+=("sandbox image $(image_tag)|bash scripts/setup.sh  (again, for the image)") ;;
    stopped) start_docker=1 ;;
    denied) denied=1 ;;
    absent)
      packages+=(docker.io)
      command -v docker > /dev/null || ! apt-cache show docker-cli > /dev/null 2>&1 || packages+=(docker-cli)
      start_docker=1
      ;;
  esac
  if [ "${#packages[@]}" -gt 0 ]; then
    steps+=("Debian packages: ${packages[*]}|sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}")
  fi
  if [ -n "$start_docker" ]; then
    steps+=("a running Docker engine|$(docker_start_command)")
    steps+=("sandbox image $(image_tag)|bash scripts/setup.sh  (again, for the image)")
  fi
  if [ -n "$denied" ]; then
    steps+=("the right to use $(docker_socket)|sudo usermod -aG docker $(id -un)  (then log in again)")
  fi
  return 0
}

print_commands() {
  local step
  for step in "${steps[@]}"; do printf '    %s\n' "${step#*|}"; done
}

install_all() {
  local npm_pid="" npm_log
  npm_log=$(mktemp)
  if npm_missing; then
    install_npm > "$npm_log" 2>&1 &
    npm_pid=$!
  fi
  if [ "${#packages[@]}" -gt 0 ]; then
    say "installing ${packages[*]} ..."
    install_apt "$sudo" "${packages[@]}"
  fi
  if [ -n "$start_docker" ]; then start_docker "$sudo"; fi
  if image_missing; then build_image "$sudo"; fi
  if [ -n "$npm_pid" ]; then
    wait "$npm_pid" || fail "npm ci failed:
$(cat "$npm_log")"
    say "npm packages installed"
  fi
  rm -f "$npm_log"
}

main() {
  [ "$(node_major)" -ge "$NODE_MAJOR_MIN" ] 2> /dev/null \
    || fail "Node $NODE_MAJOR_MIN or newer is needed, found $(node --version 2> /dev/null || echo none): https://nodejs.org/en/download"
  local steps=() packages=() start_docker="" denied="" sudo="" step
  exec 9> "${TMPDIR:-/tmp}/varft-setup-$(id -u).lock"
  if command -v flock > /dev/null; then flock 9; fi
  plan
  [ "${#steps[@]}" -gt 0 ] || return 0
  say "missing on this host:"
  for step in "${steps[@]}"; do printf '    %s\n' "${step%%|*}"; done
  if [ "${1:-}" = --plan ]; then
    say "the commands:"
    print_commands
    return 0
  fi
  if [ "${#packages[@]}" -gt 0 ] || [ -n "$start_docker" ] || [ -n "$denied" ]; then
    if [ -n "$denied" ] || [ ! -e /etc/debian_version ] || ! sudo=$(privilege); then
      say "this script may not do that here (it needs Debian, and root or sudo without a password). Please run:" >&2
      print_commands >&2
      exit 1
    fi
  fi
  install_all
  say "ready"
}

main "$@"

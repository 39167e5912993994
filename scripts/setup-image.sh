# The sandbox image for setup.sh. Sourced, never run.
# The tag is a hash of sandbox/image/, so a changed file means a new image (sandbox/image.ts agrees).

readonly BASE_OFFICIAL=debian:bookworm-slim
readonly BASE_OWN=varft-base:bookworm
readonly PULL_SECONDS=30

# The Debian packages that VARFT_SANDBOX_PACKAGES adds, in one order.
extra_packages() { printf '%s\n' ${VARFT_SANDBOX_PACKAGES:-} | sort -u | paste -sd' '; }

image_tag() {
  local extra
  extra=$(extra_packages)
  echo "varft-sandbox:$({
    cd sandbox/image && find . -type f -printf '%P\n' | sort | xargs sha256sum
    if [ -n "$extra" ]; then echo "packages $extra"; fi
  } | sha256sum | cut -c1-12)"
}

image_missing() { ! docker image inspect "$(image_tag)" > /dev/null 2>&1; }

# "deb URI suite component" lines of the Debian archives that this host's apt uses, joined by "|".
host_apt_sources() {
  command -v apt-get > /dev/null || return 0
  apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2> /dev/null \
    | awk '$1 == "Debian" && $2 ~ /^bookworm/ && $5 == "main" {
        print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $3 " " $4 " main" }' \
    | sort -u | paste -sd'|'
}

host_apt_proxy() {
  local proxy=""
  if command -v apt-config > /dev/null; then eval "$(apt-config shell proxy Acquire::http::Proxy)"; fi
  echo "$proxy"
}

# The archive to make a base from: the first http(s) one that apt lists for bookworm itself.
host_mirror() {
  host_apt_sources | tr '|' '\n' | awk '$4 == "bookworm" { print $3; exit }'
}

# Prints the base image to build on, made from Debian's archive where no registry answers.
base_image() {
  local sudo=$1 root mirror extra=""
  if docker image inspect "$BASE_OFFICIAL" > /dev/null 2>&1; then echo "$BASE_OFFICIAL" && return; fi
  if docker image inspect "$BASE_OWN" > /dev/null 2>&1; then echo "$BASE_OWN" && return; fi
  if timeout "$PULL_SECONDS" docker pull -q "$BASE_OFFICIAL" > /dev/null 2>&1; then echo "$BASE_OFFICIAL" && return; fi
  mirror=$(host_mirror)
  if [ -z "$mirror" ] && [ "$(id -u)" = 0 ]; then
    # apt knows an archive's origin only once it has its index.
    apt-get -qq update && mirror=$(host_mirror)
  fi
  if [ -z "$mirror" ]; then
    say "no registry has $BASE_OFFICIAL for this engine, and apt here names no Debian archive." >&2
    say "Please bring the image by hand: docker pull $BASE_OFFICIAL" >&2
    return 1
  fi
  if [ "$(id -u)" != 0 ] && [ -z "$sudo" ]; then
    say "no registry has $BASE_OFFICIAL for this engine; making it needs root. Please run once:" >&2
    printf '    sudo bash scripts/setup.sh\n' >&2
    return 1
  fi
  say "no registry answers; making the base image with debootstrap from $mirror ..." >&2
  command -v debootstrap > /dev/null || [ -x /usr/sbin/debootstrap ] || install_apt "$sudo" debootstrap >&2
  # Without certificates an https archive is out of the image build's reach; else they are ballast.
  case "$mirror" in https:*) extra=--include=ca-certificates ;; esac
  root=$($sudo mktemp -d "${TMPDIR:-/tmp}/varft-base.XXXXXX")
  if ! $sudo env PATH="$PATH:/usr/sbin:/sbin" http_proxy="$(host_apt_proxy)" \
    debootstrap --variant=minbase ${extra:+"$extra"} bookworm "$root/root" "$mirror" > "${root}.log" 2>&1; then
    tail -n 8 "${root}.log" >&2
    $sudo rm -rf "$root"
    return 1
  fi
  $sudo tar -C "$root/root" --exclude=./var/cache/apt/archives --exclude=./var/lib/apt/lists -c . \
    | docker import - "$BASE_OWN" > /dev/null
  $sudo rm -rf "$root" "${root}.log"
  echo "$BASE_OWN"
}

build_image() {
  local sudo=$1 base tag log
  tag=$(image_tag)
  base=$(base_image "$sudo") || fail "the sandbox image has no base"
  say "building $tag on $base ..."
  log=$(mktemp)
  # The package archive may be reachable from the host's network only.
  if ! docker build --force-rm --network host --build-arg "BASE=$base" --build-arg "APT_SOURCES=$(host_apt_sources)" \
    --build-arg "APT_PROXY=$(host_apt_proxy)" --build-arg "EXTRA=$(extra_packages)" --label varft.sandbox=1 --tag "$tag" sandbox/image > "$log" 2>&1; then
    tail -n 30 "$log" >&2
    fail "docker build of $tag failed; the whole log: $log"
  fi
  # A package whose pinned version is gone.
  grep '^varft:' "$log" >&2 || true
  rm -f "$log"
  docker image prune --force --filter label=varft.stage=build > /dev/null 2>&1 || true
  say "$tag: $(docker image inspect --format '{{.Size}}' "$tag" | awk '{ printf "%.0f MB", $1 / 1e6 }')"
}

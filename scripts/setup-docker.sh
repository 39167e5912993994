# The Docker engine for setup.sh: is there one, and if not, start one. Sourced, never run.

readonly DOCKER_WAIT_SECONDS=30
readonly DOCKERD_LOG=/var/log/varft-dockerd.log

docker_socket() {
  local host=${DOCKER_HOST:-unix:///var/run/docker.sock}
  echo "${host#unix://}"
}

docker_answers() { timeout 5 docker version --format '{{.Server.Version}}' > /dev/null 2>&1; }

# ready | stopped (installed, not running) | denied (running, not for this user) | absent
docker_state() {
  if command -v docker > /dev/null && docker_answers; then
    echo ready
  elif [ -S "$(docker_socket)" ] && [ ! -w "$(docker_socket)" ]; then
    echo denied
  elif [ -x /usr/sbin/dockerd ] || command -v dockerd > /dev/null; then
    echo stopped
  else
    echo absent
  fi
}

systemd_runs() { [ -d /run/systemd/system ]; }

docker_start_command() {
  if systemd_runs; then echo "sudo systemctl start docker"; else echo "sudo dockerd &"; fi
}

# Starts dockerd with the given flags, outlives this script; fails when it dies before it answers.
try_dockerd() {
  local sudo=$1 waited=0 pid
  shift
  # Descriptor 9 is setup.sh's lock: a daemon that kept it would block every later set-up.
  $sudo setsid sh -c "exec dockerd $* >> $DOCKERD_LOG 2>&1 < /dev/null" 9>&- &
  pid=$!
  while [ "$waited" -lt $((DOCKER_WAIT_SECONDS * 5)) ]; do
    if docker_answers; then return 0; fi
    kill -0 "$pid" 2> /dev/null || return 1
    sleep 0.2
    waited=$((waited + 1))
  done
  $sudo kill "$pid" 2> /dev/null || true
  return 1
}

start_docker() {
  local sudo=$1
  if docker_answers; then return 0; fi
  say "starting the Docker engine ..."
  if systemd_runs; then
    $sudo systemctl start docker
    docker_answers || fail "systemctl start docker did not bring up $(docker_socket): see journalctl -u docker"
    return 0
  fi
  try_dockerd "$sudo" && return 0
  # Hosts that are containers themselves may lack iptables and bridges. The sandbox uses neither.
  say "plain dockerd did not start; trying without iptables and bridge ..."
  try_dockerd "$sudo" --iptables=false --ip6tables=false --bridge=none && return 0
  fail "dockerd does not start here. Its last words ($DOCKERD_LOG):
$(tail -n 8 "$DOCKERD_LOG")"
}

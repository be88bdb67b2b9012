#!/bin/sh
# Sees to it that a Docker daemon answers; installs and starts Debian's own where this is Debian and we are root.
set -eu
PATH=$PATH:/usr/sbin:/sbin # where dockerd and iptables are

answers() { docker version >/dev/null 2>&1; }

answers && exit 0
if [ -n "${DOCKER_HOST:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "docker: no daemon answers at ${DOCKER_HOST:-/var/run/docker.sock}; install Docker Engine" \
        "(https://docs.docker.com/engine/install), start it, and join the group docker" >&2
    exit 1
fi

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    echo "docker: installing Debian's"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
    command -v docker >/dev/null || apt-get install -y -qq --no-install-recommends docker-cli >/dev/null
    command -v docker >/dev/null && hash -r
fi

if [ -d /run/systemd/system ]; then
    systemctl start docker
else
    # Containers' packets must fit the host's own way out.
    out=$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)
    mtu=$(cat "/sys/class/net/$out/mtu" 2>/dev/null || echo 1500)
    echo "docker: starting the daemon, log in /var/log/dockerd.log"
    setsid dockerd --mtu "$mtu" >>/var/log/dockerd.log 2>&1 </dev/null &
fi

for _ in $(seq 60); do
    answers && exit 0
    sleep 0.5
done
echo "docker: the daemon does not answer after 30 s, see /var/log/dockerd.log" >&2
exit 1

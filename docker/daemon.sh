#!/bin/sh
# Makes sure that a Docker daemon is running. On Debian, as root, installs and starts Debian's
# Docker if needed.
set -eu
PATH=$PATH:/usr/sbin:/sbin # has dockerd and iptables

is_running() { docker version >/dev/null 2>&1; }

is_running && exit 0
if [ -n "${DOCKER_HOST:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "docker: no daemon is running at ${DOCKER_HOST:-/var/run/docker.sock}." \
        "Install Docker Engine (https://docs.docker.com/engine/install), start it," \
        "and add your user to the group docker." >&2
    exit 1
fi

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    echo "docker: installing Debian's Docker"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
    command -v docker >/dev/null || apt-get install -y -qq --no-install-recommends docker-cli >/dev/null
    command -v docker >/dev/null && hash -r
fi

if [ -d /run/systemd/system ]; then
    systemctl start docker
else
    # Packets larger than the MTU of the host's own network would be lost.
    interface=$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)
    mtu=$(cat "/sys/class/net/$interface/mtu" 2>/dev/null || echo 1500)
    echo "docker: starting the daemon; its log is /var/log/dockerd.log"
    setsid dockerd --mtu "$mtu" >>/var/log/dockerd.log 2>&1 </dev/null &
fi

for _ in $(seq 60); do
    is_running && exit 0
    sleep 0.5
done
echo "docker: the daemon did not start within 30 s. See /var/log/dockerd.log." >&2
exit 1

#!/bin/sh
# Sees to it that there is wrk, the load generator; installs Debian's where this is Debian and we are root.
set -eu
command -v wrk >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "wrk: the load generator is missing; install it (Debian and Ubuntu: apt-get install wrk)" >&2
    exit 1
fi
echo "wrk: installing Debian's"
apt-get update -qq
apt-get install -y -qq --no-install-recommends wrk >/dev/null

#!/bin/sh
# Makes sure that wrk, the load generator, is installed. On Debian, as root, installs it if needed.
set -eu
command -v wrk >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "wrk: the load generator is not installed. Install it (Debian and Ubuntu: apt-get install wrk)." >&2
    exit 1
fi
echo "wrk: installing it from Debian"
apt-get update -qq
apt-get install -y -qq --no-install-recommends wrk >/dev/null

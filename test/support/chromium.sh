#!/bin/sh
# Sees to it that there is a Chromium, in which the page is tested; installs Debian's where this is Debian and we are root.
set -eu

command -v "${CHROMIUM:-chromium}" >/dev/null && exit 0
if [ -n "${CHROMIUM:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "chromium: there is no ${CHROMIUM:-chromium}; install Chromium (apt-get install chromium)," \
        "or name a browser of its kind in CHROMIUM" >&2
    exit 1
fi

echo "chromium: installing Debian's"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null

#!/bin/sh
# Makes sure that the programs that docker/deploy has files for are installed, for its tests.
# On Debian, as root, installs what is missing. No service is started, now or at the next boot.
set -eu
PATH=$PATH:/usr/sbin:/sbin # has nginx and haproxy

missing=
command -v nginx >/dev/null || missing="$missing nginx-light"
command -v haproxy >/dev/null || missing="$missing haproxy"
{ command -v prometheus && command -v promtool; } >/dev/null || missing="$missing prometheus"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
command -v openssl >/dev/null || missing="$missing openssl"
docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || missing="$missing docker-compose"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "deploy-tools: not installed:$missing. Install them (Debian and Ubuntu: apt-get install$missing)." >&2
    exit 1
fi

echo "deploy-tools: installing$missing from Debian"
# invoke-rc.d starts no service while this file exits with 101.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
for service in nginx haproxy prometheus; do
    case $missing in *$service*) systemctl disable --quiet $service 2>/dev/null || true ;; esac
done

#!/bin/sh
# compose.sh up | down: all of it in containers. Passwords and keys are made once, into docker/.env.
set -eu
cd "$(dirname "$0")"

compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose --project-name stock-market --env-file .env "$@"
    else
        command -v docker-compose >/dev/null ||
            apt-get install -y -qq --no-install-recommends docker-compose >/dev/null ||
            { echo "compose: install Docker Compose" >&2; exit 1; }
        docker-compose --project-name stock-market --env-file .env "$@"
    fi
}

key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }

if [ ! -e .env ]; then
    (
        umask 077
        cat >.env <<END
ADMIN_PASSWORD=$(key | cut -c1-16)
DOCKER_GROUP=$(stat -c %g /var/run/docker.sock)
FERNET_KEY=$(key)
JWT_SECRET=$(key)
POSTGRES_PASSWORD=$(key | cut -c1-24)
SECRET_KEY=$(key)
# A zip or folder of yours: SOURCES is the folder on this host that holds it, SOURCE its name. SOURCE= asks Kaggle.
SOURCE=sample.zip
SOURCES=
END
    )
fi
VERSION=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' ../package.json)
export VERSION

case ${1:-} in
up)
    compose up --detach
    echo "http://localhost:8080  user admin, password $(sed -n 's/^ADMIN_PASSWORD=//p' .env)"
    echo "http://localhost:3000  the server, once a model is in service"
    ;;
down)
    compose down
    # A task's container is not one of compose's own.
    docker ps --all --quiet --filter label=stock-market.home=/opt/airflow | xargs -r docker rm --force --volumes >/dev/null
    ;;
*)
    echo "usage: compose.sh up | down" >&2
    exit 2
    ;;
esac

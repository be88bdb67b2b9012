#!/bin/sh
# compose.sh up | down: starts or stops Airflow, its database and the server, all in containers.
# The first start generates passwords and keys into docker/.env.
set -eu
cd "$(dirname "$0")"

compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose --project-name stock-market --env-file .env "$@"
    else
        command -v docker-compose >/dev/null ||
            apt-get install -y -qq --no-install-recommends docker-compose >/dev/null ||
            {
                echo "compose: Docker Compose is missing." \
                    "Install it (https://docs.docker.com/compose/install)." >&2
                exit 1
            }
        docker-compose --project-name stock-market --env-file .env "$@"
    fi
}

random_key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }

if [ ! -e .env ]; then
    (
        umask 077
        cat >.env <<END
ADMIN_PASSWORD=$(random_key | cut -c1-16)
DOCKER_GROUP=$(stat -c %g /var/run/docker.sock)
FERNET_KEY=$(random_key)
JWT_SECRET=$(random_key)
POSTGRES_PASSWORD=$(random_key | cut -c1-24)
SECRET_KEY=$(random_key)
# For your own data, set SOURCE to the name of a zip file or folder, and SOURCES to the folder on this
# host that contains it. If SOURCE is empty, the Kaggle data set is downloaded.
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
    echo "http://localhost:3000  the server; it answers predictions once a model is in service"
    ;;
down)
    compose down
    # Compose does not know the containers that Airflow started for tasks.
    docker ps --all --quiet --filter label=stock-market.home=/opt/airflow | xargs -r docker rm --force --volumes >/dev/null
    ;;
*)
    echo "usage: compose.sh up | down" >&2
    exit 2
    ;;
esac

# The train task: the packages of the tasks image, and TensorFlow with its native addon.
ARG NODE=node:24-trixie-slim

FROM ${NODE} AS base
COPY docker/certs/ /usr/local/share/ca-certificates/
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates tini \
 && update-ca-certificates \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
WORKDIR /app

FROM base AS build
ARG NPM_CONFIG_REGISTRY
ARG PIP_INDEX_URL
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++ make python3-pip
COPY package.json package-lock.json .npmrc ./
COPY model/package.json model/
COPY serving/package.json serving/
COPY tasks/package.json tasks/
COPY tasks/train/package.json tasks/train/
# Source maps are deleted: nothing reads them here.
RUN npm ci --omit=dev --workspace=@stock-market/train \
 && find node_modules -name '*.map' -delete
COPY docker/build-tfjs-addon.sh docker/
RUN PIP_CERT=/etc/ssl/certs/ca-certificates.crt sh docker/build-tfjs-addon.sh \
 && strip --strip-unneeded node_modules/@tensorflow/tfjs-node/deps/lib/*

FROM base
COPY --from=build /app/node_modules/ node_modules/
COPY package.json ./
COPY model/ model/
COPY tasks/ tasks/
RUN install -d -o node -g node /store
USER node
# DuckDB's queries use Node's thread pool. Its default of 4 threads would limit --threads to 4.
ENV STORE=/store UV_THREADPOOL_SIZE=32
# train writes the commit into the model. The image has no git to ask.
ARG GIT_COMMIT
ENV GIT_COMMIT=$GIT_COMMIT
ENTRYPOINT ["tini", "--", "node", "tasks/cli.ts"]
CMD ["train", "--help"]

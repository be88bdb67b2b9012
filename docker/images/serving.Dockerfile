# The server: Hono, zod, Arrow, its page, the docs page and the champion's model.bin, no native module.
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
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM base
COPY --from=build /app/node_modules/hono/ node_modules/hono/
COPY --from=build /app/node_modules/@hono/ node_modules/@hono/
COPY --from=build /app/node_modules/prom-client/ node_modules/prom-client/
COPY --from=build /app/node_modules/@opentelemetry/ node_modules/@opentelemetry/
COPY --from=build /app/node_modules/tdigest/ node_modules/tdigest/
COPY --from=build /app/node_modules/bintrees/ node_modules/bintrees/
COPY --from=build /app/node_modules/zod/ node_modules/zod/
COPY --from=build /app/node_modules/apache-arrow/ node_modules/apache-arrow/
COPY --from=build /app/node_modules/flatbuffers/ node_modules/flatbuffers/
COPY --from=build /app/node_modules/json-with-bigint/ node_modules/json-with-bigint/
COPY --from=build /app/node_modules/tslib/ node_modules/tslib/
COPY --from=build /app/node_modules/swagger-ui-dist/package.json /app/node_modules/swagger-ui-dist/swagger-ui-bundle.js \
  /app/node_modules/swagger-ui-dist/swagger-ui.css node_modules/swagger-ui-dist/
COPY package.json ./
COPY model/ model/
COPY serving/ serving/
RUN install -d -o node -g node /store
USER node
ENV STORE=/store PORT=3000 HOST=0.0.0.0
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/live').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "serving/server.ts"]

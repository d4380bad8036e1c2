# syntax=docker/dockerfile:1
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
# As process 1, node would neither reap orphans nor die of a signal that it does not handle.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY migrations ./migrations
RUN install -d -o node -g node -m 0700 /var/lib/tieout
ENV NODE_ENV=production TIEOUT_DATA_DIR=/var/lib/tieout
USER node
# Holds the embedded PostgreSQL; stays empty where DATABASE_URL is set.
VOLUME /var/lib/tieout
# Tries settings, database and queue, with or without HTTP_PORT, and starts an embedded PostgreSQL that was killed. It
# spends no call, but it is a whole process: where that is too much, ask http://127.0.0.1:8701/healthz instead.
HEALTHCHECK --interval=5m --timeout=30s --start-period=1m --retries=2 \
  CMD ["node", "dist/cli.js", "doctor", "--offline", "--quiet"]
ENTRYPOINT ["tini", "--", "node", "dist/cli.js"]
CMD ["start"]

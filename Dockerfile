# The product in an image: a head, or a worker on another host.
#
#   docker build -t varft .
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock -v varft-runs:/varft/runs \
#     --group-add "$(stat -c %g /var/run/docker.sock)" varft train config/quickstart.toml
#   docker run --rm -e VARFT_BUS_TOKEN varft worker --run RUN --bus nats://HEAD:4222
#
# The head asks the host's Docker engine for sandboxes, through the socket; set-up on the host has built
# their image there. A worker needs no engine.
FROM node:20-bookworm-slim AS packages
WORKDIR /varft
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:20-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends nats-server tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /varft
COPY --from=packages /varft/node_modules node_modules
COPY . .
ENV PATH=/varft/bin:/usr/sbin:$PATH
RUN mkdir -p bin runs && ln -s ../cli/varft.mjs bin/varft && chown node runs
USER node
VOLUME /varft/runs
# An init that passes signals on and buries dead children: Ctrl-C ends a run in order.
ENTRYPOINT ["tini", "--", "varft"]
CMD ["--help"]

# Two images from one file: "server" answers and has no torch, "trainer" fits models. See docs/how-to/run-in-docker.md
ARG PYTHON=3.12-slim

FROM python:${PYTHON} AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist .

FROM python:${PYTHON} AS base
ENV PATH=/opt/dualnet/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 dualnet \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin dualnet \
    && python -m venv /opt/dualnet
COPY constraints.txt /opt/dualnet/constraints.txt
COPY locked /opt/dualnet/locked
COPY --from=wheel /dist /dist
ENTRYPOINT ["dualnet"]

FROM base AS trainer
# name torch's own index of CPU builds here, or pip takes several gigabytes of CUDA; other versions come from the next line
ARG TORCH_INDEX=
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} "$(grep '^torch==' /opt/dualnet/constraints.txt)"
RUN pip install --no-cache-dir --require-hashes --requirement /opt/dualnet/locked/trainer.txt \
    && pip install --no-cache-dir --no-index "$(ls /dist/dualnet-*.whl)[train,sql]"
# a named volume takes the owner of the folder it is mounted over
RUN install --directory --owner=dualnet --group=dualnet /models
VOLUME /models
USER 10001:10001
WORKDIR /tmp
CMD ["--help"]

# last, so that a plain "docker build ." makes it
FROM base AS server
RUN pip install --no-cache-dir --require-hashes --requirement /opt/dualnet/locked/server.txt \
    && pip install --no-cache-dir --no-index "$(ls /dist/dualnet-*.whl)[serve]"
RUN install --directory --owner=dualnet --group=dualnet /state
VOLUME /state
# who may ask: a file with names and SHA-256 of keys, mounted here; without it the server does not start
ENV DUALNET_API_KEYS_FILE=/run/secrets/api_keys
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8080, timeout=3); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
CMD ["serve", "/model", "--host", "0.0.0.0", "--port", "8080", "--state", "/state"]

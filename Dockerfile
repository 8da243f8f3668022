# The workers as a fleet (docs/containers.md), or the API behind any load balancer: one image, two commands.
#
#   docker build --build-arg RELEASE=$(git rev-parse --short=12 HEAD) -t ffp .
#   docker run --env-file FILE ffp                                    a worker of every queue
#   docker run --env-file FILE -p 8000:8000 ffp python -m api --host 0.0.0.0 --port 8000

FROM python:3.13-slim AS packages
WORKDIR /install
COPY requirements/run.lock ./
# Every package by its hash, none compiled here.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary=:all: -r run.lock

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin ffp
WORKDIR /app
COPY --from=packages /venv /venv
COPY api ./api
COPY cli ./cli
COPY domain ./domain
COPY infra ./infra
COPY migrations ./migrations
COPY workers ./workers
RUN python -m compileall -q /app
ARG RELEASE=unknown
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 FFP_RELEASE=$RELEASE
USER 10001
STOPSIGNAL SIGTERM
CMD ["python", "-m", "workers"]

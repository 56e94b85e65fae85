# One image for all processes: migrate, code location, webserver, daemon, API and Celery's workers, without the development
# tools. sql/ is outside the package and is copied beside it.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv && /opt/venv/bin/pip install "uv>=0.9"
WORKDIR /app
COPY requirements.image.lock pyproject.toml ./
RUN /opt/venv/bin/uv pip install --python /opt/venv/bin/python --require-hashes -r requirements.image.lock
COPY sync_pipeline ./sync_pipeline
# Editable: migrations are found beside the package.
RUN /opt/venv/bin/uv pip install --python /opt/venv/bin/python --no-deps --editable .

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home sync && mkdir -p /data /home/sync/dagster && chown -R sync /data /home/sync
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
COPY sql /app/sql
COPY deploy /app/deploy
COPY workspace.yaml dagster.yaml .squawk.toml /app/
COPY --chown=sync dagster.yaml /home/sync/dagster/dagster.yaml
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 DAGSTER_DISABLE_TELEMETRY=yes
WORKDIR /app
USER sync
VOLUME /data
CMD ["sync-pipeline", "--help"]

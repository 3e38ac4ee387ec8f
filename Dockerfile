# Line of Sight. Build: docker build -t line-of-sight .   Settings: README.md, "In production".
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /app/.venv
COPY requirements/run.txt requirements/run.txt
RUN .venv/bin/pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY service service
RUN .venv/bin/pip install --no-deps --editable . \
    && .venv/bin/python -m compileall -q service \
    && .venv/bin/pip uninstall --yes pip

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /app --shell /usr/sbin/nologin los
WORKDIR /app
COPY --from=build /app /app
COPY migrations migrations
COPY scripts/eclipse_push.py scripts/ssd_tables.py scripts/calls.py scripts/
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LOS_ENVIRONMENT=production \
    PORT=8000
USER 10001:10001
EXPOSE 8000
# By number: /health/ answers to any name, all else to those in LOS_ALLOWED_HOSTS only.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT') or 8000}/health/live\", timeout=4)"]
# Before the first start and after each new version: docker run --rm ... line-of-sight los migrate
CMD ["sh", "-c", "exec los serve --host 0.0.0.0 --port ${PORT:-8000}"]

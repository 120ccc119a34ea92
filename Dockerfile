# One image for the API and the workers; PostgreSQL, Redis and the model are somewhere else (see compose.yaml).

FROM python:3.11-slim AS packages
COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /opt/syphus \
    && /opt/syphus/bin/pip install --no-cache-dir --disable-pip-version-check \
       --no-deps --require-hashes -r /tmp/runtime.txt

FROM python:3.11-slim
ENV PATH=/opt/syphus/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SYPHUS_HOST=0.0.0.0 \
    SYPHUS_HOME=/var/lib/syphus
RUN groupadd --gid 10001 syphus \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/syphus --create-home --shell /usr/sbin/nologin syphus
COPY --from=packages /opt/syphus /opt/syphus
WORKDIR /srv/syphus
COPY alembic.ini main.py ./
COPY app app
COPY workers workers
COPY datasets datasets
USER 10001:10001
VOLUME /var/lib/syphus
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000", "--no-access-log"]

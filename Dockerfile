# sentrec behind a port, with the model that comes with it: docker build -t sentrec . && docker run --init -p 8000:8000 sentrec
FROM python:3.11-slim AS build

# What to install beside sentrec itself: serve, or app for the page in the browser, or serve,app.
ARG EXTRAS=serve
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PYTHON=/venv/bin/python

RUN python -m venv --without-pip /venv
WORKDIR /src
COPY constraints.txt ./
# torch for the CPU alone: the other build is several times as large.
RUN pip install -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu torch
COPY pyproject.toml README.md LICENSE ./
COPY sentrec sentrec
COPY plugins plugins
COPY recipes recipes
RUN pip install -c constraints.txt ".[$EXTRAS]"
# What nobody runs here: headers, tests, other programs.
RUN find /venv/lib -type d \( -path '*/torch/include' -o -path '*/torch/test' -o -path '*/pyarrow/include' -o -name tests \) \
      -prune -exec rm -r {} + && \
    find /venv/lib \( -path '*/torch/bin/*' ! -name torch_shm_manager -o -name 'libarrow_flight*' \) -delete

FROM python:3.11-slim
COPY --from=build /venv /venv
RUN useradd --create-home --uid 1000 sentrec && mkdir -p /srv/sentrec/runs /cache && chown -R sentrec /srv/sentrec /cache
USER 1000
WORKDIR /srv/sentrec
ENV PATH=/venv/bin:$PATH SENTREC_HOME=/cache PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000 7860

HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["sentrec", "serve", "--host", "0.0.0.0", "--port", "8000"]

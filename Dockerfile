# sentrec behind a port, with the model that comes with it: docker build -t sentrec . && docker run -p 8000:8000 sentrec
FROM python:3.11-slim

# What to install beside sentrec itself: serve, or app for the page in the browser, or serve,app.
ARG EXTRAS=serve
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

WORKDIR /src
COPY constraints.txt ./
# torch for the CPU alone: the other build is several times as large.
RUN pip install -c constraints.txt --index-url https://download.pytorch.org/whl/cpu torch
COPY pyproject.toml README.md LICENSE ./
COPY sentrec sentrec
COPY plugins plugins
COPY recipes recipes
RUN pip install -c constraints.txt ".[$EXTRAS]"

RUN useradd --create-home --uid 1000 sentrec && mkdir -p /srv/sentrec/runs /cache && chown -R sentrec /srv/sentrec /cache
USER sentrec
WORKDIR /srv/sentrec
ENV SENTREC_HOME=/cache
EXPOSE 8000 7860

HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["sentrec", "serve", "--host", "0.0.0.0", "--port", "8000"]

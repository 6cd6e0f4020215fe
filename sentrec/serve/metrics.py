"""What a server counts, for Prometheus; of several processes, their sums."""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
PROCESSES = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names a folder for the figures of all processes; read when `prometheus_client` is imported."""


class Metrics:
    """Counters of one application."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter("sentrec_requests", "Requests answered.", ("route", "status"), registry=registry)
        self.seconds = Histogram(
            "sentrec_request_seconds",
            "Seconds until a request was answered.",
            ("route",),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.texts = Counter("sentrec_texts", "Texts classified.", ("model",), registry=registry)
        self.batches = Histogram(
            "sentrec_batch_texts",
            "Texts that were classified together.",
            ("model",),
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=registry,
        )
        self.waiting = Gauge(
            "sentrec_waiting_texts",
            "Texts that wait for a model.",
            ("model",),
            multiprocess_mode="livesum",
            registry=registry,
        )

    def document(self) -> bytes:
        """All figures in Prometheus' text format."""
        if PROCESSES not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

"""OpenTelemetry traces, when its own environment variables ask for them and its packages are installed."""

from __future__ import annotations

import logging
from collections.abc import Mapping

logger = logging.getLogger(__name__)

VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def configure(environment: Mapping[str, str], cluster: str, version: str) -> bool:
    """Send a span for each request to the collector that the environment names.

    Returns:
        Whether traces are on.
    """
    if not any(environment.get(name) for name in VARIABLES) or environment.get("OTEL_SDK_DISABLED") == "true":
        return False
    try:
        from opentelemetry import trace  # noqa: PLC0415  # start-up cost: few are traced
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  # start-up cost: few are traced
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  # start-up cost: few are traced
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # start-up cost: few are traced
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # start-up cost: few are traced
    except ImportError:
        logger.warning("traces are asked for, but their packages are missing; install sanctuary-host[otel]")
        return False
    attributes = {"service.version": version, "sanctuary.cluster": cluster}
    if not environment.get("OTEL_SERVICE_NAME"):
        attributes["service.name"] = f"sanctuary_{cluster}"
    provider = TracerProvider(resource=Resource.create(attributes))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True

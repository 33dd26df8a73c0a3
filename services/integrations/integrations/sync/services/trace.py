"""Each sync run is a trace of its own, linked to the request that started it."""

from __future__ import annotations

from opentelemetry import context

from chassis import telemetry


def new_run(installation: str, mode: str) -> str | None:
    """Start a trace and return its traceparent, under which all spans of the run are recorded."""
    request = telemetry.traceparent()
    token = context.attach(context.Context())
    try:
        with telemetry.span("sync run", link=request, installation=installation, mode=mode):
            return telemetry.traceparent()
    finally:
        context.detach(token)

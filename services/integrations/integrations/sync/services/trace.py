"""Each sync run is one trace of its own, linked to the request that asked for it."""

from __future__ import annotations

from opentelemetry import context

from chassis import telemetry


def new_run(installation: str, mode: str) -> str | None:
    """The traceparent of a new trace; everything the run does hangs below it."""
    asked_by = telemetry.traceparent()
    token = context.attach(context.Context())
    try:
        with telemetry.span("sync run", link=asked_by, installation=installation, mode=mode):
            return telemetry.traceparent()
    finally:
        context.detach(token)

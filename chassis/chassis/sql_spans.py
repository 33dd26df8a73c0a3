"""SQL statements in traces: a statement that runs inside a span gets a span of its own."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext


def watch(engine: Engine) -> None:
    """Add a span for each statement of an engine that runs inside a span.

    Values are bound, so they are never in its text. Statements outside of any span, such as polls,
    are not traced.
    """

    def before(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if context is None or not trace.get_current_span().is_recording():
            return
        context.huichi_span = trace.get_tracer("huichi").start_span(
            f"db {statement.lstrip().split(None, 1)[0].upper()}",
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": "postgresql",
                "db.query.text": statement[:2000],
                "db.operation.batch.size": len(parameters) if many else 1,
            },
        )

    def after(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        current = context.__dict__.pop("huichi_span", None) if context is not None else None
        if current is not None:
            current.set_attribute("db.response.returned_rows", max(cursor.rowcount, 0))
            current.end()

    def failed(problem: ExceptionContext) -> None:
        context: Any = problem.execution_context
        current = context.__dict__.pop("huichi_span", None) if context is not None else None
        if current is not None:
            name = type(problem.original_exception).__name__
            current.set_attribute("error.type", name)
            current.set_status(Status(StatusCode.ERROR, name))
            current.end()

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)

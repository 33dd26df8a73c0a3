"""Decide whether an answer is a success, and otherwise which class of failure it is.

Status 200 is not success: many sources report failures in the body. So a spec must define success,
and everything else is a failure of a known class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from integrations.contract import Expired, Failure, Fatal, Retry
from integrations.rest.egress import Answer
from integrations.specs.domain.expression import Expression
from integrations.specs.domain.functions import text


@dataclass(frozen=True, slots=True)
class Verdict:
    """One entry of `classify`: the class of failures that satisfy a condition."""

    when: Expression
    kind: str
    wait: float | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a source wraps its answers, by its spec."""

    success_when: Expression
    empty_when: Expression | None = None
    code_path: Expression | None = None
    message_path: Expression | None = None
    classify: tuple[Verdict, ...] = ()

    def open(self, answer: Answer) -> Any | None:
        """Return the body of a successful answer, `None` for one that says there are no records.

        Raises the `Failure` of the answer's class otherwise.
        """
        document, unreadable = self._document(answer)
        if self.empty_when is not None and self.empty_when.holds(document):
            return None
        if unreadable is None and self.success_when.holds(document):
            return document["body"]
        raise self._failure(answer, document, unreadable)

    def _document(self, answer: Answer) -> tuple[dict[str, Any], Failure | None]:
        document: dict[str, Any] = {"status": answer.status, "headers": dict(answer.headers)}
        try:
            return document | {"body": answer.json()}, None
        except Failure as problem:
            return document | {"body": None}, problem

    def _failure(
        self, answer: Answer, document: dict[str, Any], unreadable: Failure | None
    ) -> Failure:
        kind, wait = self._kind(answer, document)
        after = retry_after(answer.headers)
        if kind == "permanent" and unreadable is not None and answer.status < 400:
            return unreadable
        detail = self._detail(answer, document)
        return make_failure(kind, detail, after if after is not None else wait)

    def _kind(self, answer: Answer, document: dict[str, Any]) -> tuple[str, float | None]:
        for verdict in self.classify:
            if verdict.when.holds(document):
                return verdict.kind, verdict.wait
        return class_of_status(answer.status), None

    def _detail(self, answer: Answer, document: dict[str, Any]) -> str:
        """Return the source's own message, shortened, for the engineer who corrects the spec."""
        code = text(self.code_path.find(document["body"])) if self.code_path else None
        message = text(self.message_path.find(document["body"])) if self.message_path else None
        parts = [f"status {answer.status}", f"code {code}" if code else None, message]
        return ", ".join(part for part in parts if part)[:300]


def parse_envelope(document: Mapping[str, Any]) -> Envelope:
    """Return the envelope of a spec."""

    def optional(name: str) -> Expression | None:
        return Expression(document[name]) if name in document else None

    return Envelope(
        success_when=Expression(document["success_when"]),
        empty_when=optional("empty_when"),
        code_path=optional("code_path"),
        message_path=optional("message_path"),
        classify=tuple(
            Verdict(Expression(entry["when"]), entry["as"], entry.get("wait"))
            for entry in document.get("classify", ())
        ),
    )


def class_of_status(status: int) -> str:
    """Return the class of a status for which the spec has no entry."""
    if status == 429:
        return "throttle"
    if status == 401:
        return "auth"
    if status in (408, 425) or status >= 500:
        return "retryable"
    return "permanent"


def make_failure(kind: str, detail: str, after: float | None) -> Failure:
    """Return the failure of a class, with the source's message; `after` seconds to wait."""
    match kind:
        case "throttle":
            return Retry(
                "THROTTLED",
                f"The source asks for fewer calls ({detail}).",
                f"来源要求降低调用频率（{detail}）。",
                after=after if after is not None else 1.0,
                fix_en="Lower the rate in `limits` to what the source allows.",
                fix_zh="请将 `limits` 中的频率调低到来源允许的范围。",
            )
        case "quota":
            return Retry(
                "QUOTA_SPENT",
                f"The quota of the source is used up ({detail}).",
                f"来源的调用额度已用完（{detail}）。",
                after=after if after is not None else 3600.0,
                fix_en="Wait for the next period or buy more calls.",
                fix_zh="请等待下一周期或购买更多额度。",
            )
        case "retryable":
            return Retry(
                "SOURCE_FAILED",
                f"The source failed temporarily ({detail}).",
                f"来源暂时出错（{detail}）。",
                after=after,
            )
        case "auth":
            return Expired(
                "SIGN_IN_REFUSED",
                f"The source does not accept the credentials ({detail}).",
                f"来源不接受当前凭证（{detail}）。",
                fix_en="Enter the credentials again and check their rights in the source.",
                fix_zh="请重新填写凭证，并检查其在来源系统中的权限。",
            )
        case _:
            return Fatal(
                "SOURCE_REFUSED",
                f"The source refuses the request ({detail}).",
                f"来源拒绝了请求（{detail}）。",
                fix_en="Check the request in the spec; if this answer was a success, check "
                "success_when.",
                fix_zh="请检查规格中的请求；若该返回本属正常，请检查 success_when。",
            )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, which holds seconds or a date (RFC 9110 §10.2.3)."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None

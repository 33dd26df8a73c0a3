"""Whether an answer is good, and if not, what must be done about it.

Status 200 is not success: many sources say in the body that they failed. So a spec must say what
success is, and everything else is an error of a known class.
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
    """One line of `classify`."""

    when: Expression
    kind: str
    wait: float | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """How one source wraps its answers."""

    success_when: Expression
    empty_when: Expression | None = None
    code_path: Expression | None = None
    message_path: Expression | None = None
    classify: tuple[Verdict, ...] = ()

    def open(self, answer: Answer) -> Any | None:
        """The body of a good answer; `None` for one that says there is nothing. Raises what the
        engine must do otherwise."""
        document, unreadable = self._document(answer)
        if self.empty_when is not None and self.empty_when.holds(document):
            return None
        if unreadable is None and self.success_when.holds(document):
            return document["body"]
        raise self._failure(answer, document, unreadable)

    def _document(self, answer: Answer) -> tuple[dict[str, Any], Failure | None]:
        said: dict[str, Any] = {"status": answer.status, "headers": dict(answer.headers)}
        try:
            return said | {"body": answer.json()}, None
        except Failure as problem:
            return said | {"body": None}, problem

    def _failure(
        self, answer: Answer, document: dict[str, Any], unreadable: Failure | None
    ) -> Failure:
        kind, wait = self._kind(answer, document)
        after = retry_after(answer.headers)
        if kind == "permanent" and unreadable is not None and answer.status < 400:
            return unreadable
        said = self._said(answer, document)
        return failure(kind, said, after if after is not None else wait)

    def _kind(self, answer: Answer, document: dict[str, Any]) -> tuple[str, float | None]:
        for verdict in self.classify:
            if verdict.when.holds(document):
                return verdict.kind, verdict.wait
        return by_status(answer.status), None

    def _said(self, answer: Answer, document: dict[str, Any]) -> str:
        """What the source itself says, shortened: its words help whoever mends the settings."""
        code = text(self.code_path.find(document["body"])) if self.code_path else None
        message = text(self.message_path.find(document["body"])) if self.message_path else None
        parts = [f"status {answer.status}", f"code {code}" if code else None, message]
        return ", ".join(part for part in parts if part)[:300]


def envelope(said: Mapping[str, Any]) -> Envelope:
    """From the spec's data."""

    def maybe(name: str) -> Expression | None:
        return Expression(said[name]) if name in said else None

    return Envelope(
        success_when=Expression(said["success_when"]),
        empty_when=maybe("empty_when"),
        code_path=maybe("code_path"),
        message_path=maybe("message_path"),
        classify=tuple(
            Verdict(Expression(each["when"]), each["as"], each.get("wait"))
            for each in said.get("classify", ())
        ),
    )


def by_status(status: int) -> str:
    """What a status means where the spec says nothing."""
    if status == 429:
        return "throttle"
    if status == 401:
        return "auth"
    if status in (408, 425) or status >= 500:
        return "retryable"
    return "permanent"


def failure(kind: str, said: str, after: float | None) -> Failure:
    """The failure of a class, with what the source said."""
    match kind:
        case "throttle":
            return Retry(
                "THROTTLED",
                f"The source asks for fewer calls ({said}).",
                f"来源要求降低调用频率（{said}）。",
                after=after if after is not None else 1.0,
                fix_en="Lower the rate in `limits` to what the source allows.",
                fix_zh="请将 `limits` 中的频率调低到来源允许的范围。",
            )
        case "quota":
            return Retry(
                "QUOTA_SPENT",
                f"The quota of the source is used up ({said}).",
                f"来源的调用额度已用完（{said}）。",
                after=after if after is not None else 3600.0,
                fix_en="Wait for the next period or buy more calls.",
                fix_zh="请等待下一周期或购买更多额度。",
            )
        case "retryable":
            return Retry(
                "SOURCE_FAILED",
                f"The source failed for the moment ({said}).",
                f"来源暂时出错（{said}）。",
                after=after,
            )
        case "auth":
            return Expired(
                "SIGN_IN_REFUSED",
                f"The source does not accept our credentials ({said}).",
                f"来源不接受当前凭证（{said}）。",
                fix_en="Enter the credentials again and check their rights in the source.",
                fix_zh="请重新填写凭证，并检查其在来源系统中的权限。",
            )
        case _:
            return Fatal(
                "SOURCE_REFUSED",
                f"The source refuses the request ({said}).",
                f"来源拒绝了请求（{said}）。",
                fix_en="Check the request in the spec; if this answer was good, check success_when.",
                fix_zh="请检查规格中的请求；若该返回本属正常，请检查 success_when。",
            )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from `Retry-After`, which holds seconds or a date."""
    said = headers.get("retry-after")
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None

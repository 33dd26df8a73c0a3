"""Deliver records to the customers service, over its GraphQL API, as a service user.

A batch may be sent again: it carries the same ids and comes back unchanged. When a batch fails as
a whole, it is halved until the record that makes it fail is found.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson
import requests
from opentelemetry.trace import SpanKind

from chassis import telemetry
from chassis.authentication import actor_context
from integrations.contract import Fatal, Retry
from integrations.records.domain import Outcome
from integrations.specs.domain.source_record import SourceRecord

BATCH = 500
# After so many single failures and no success the receiver counts as broken, not the records.
MAX_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Source:
    """The installation that delivers, as the customers service names it."""

    system: str
    installation_id: UUID
    priority: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A record to deliver, with its id in this service and the time it was observed."""

    id: UUID
    external_id: str
    record: SourceRecord
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The customers service's answer about one record."""

    outcome: Outcome
    customer_id: UUID | None = None
    changed_fields: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    code: str | None = None
    message: str | None = None


class Delivery(Protocol):
    """The port to the customers service; tests replace it."""

    def absorb(
        self, source: Source, parcels: Sequence[Parcel], *, dry_run: bool = False
    ) -> dict[str, Receipt]:
        """Return a receipt for each external id. Raises `Refused`, `Retry` or `Fatal`."""


class PoolDown(Retry):
    """The customers service is down: the run waits for up to a day without loss."""


class Refused(Exception):
    """The customers service failed on this batch, perhaps because of one of its records."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@dataclass(slots=True)
class _Bisection:
    """The progress of the search for records that make their batch fail."""

    accepted: int = 0
    failed: int = 0
    receipts: dict[str, Receipt] = field(default_factory=dict)


def deliver(
    delivery: Delivery, source: Source, parcels: Sequence[Parcel], *, isolate: bool = False
) -> dict[str, Receipt]:
    """Deliver records in batches and return their receipts by external id.

    A record that alone makes its batch fail is rejected; the others are delivered. Where every
    record fails, the service counts as broken and `PoolDown` is raised so that the run waits,
    unless `isolate` is set: then each record that fails alone is rejected.
    """
    bisection = _Bisection()
    for start in range(0, len(parcels), BATCH):
        _deliver_halving(delivery, source, parcels[start : start + BATCH], bisection, isolate)
    if bisection.failed and not bisection.accepted and not isolate:
        raise _broken_pool("every record")
    return bisection.receipts


def _deliver_halving(
    delivery: Delivery,
    source: Source,
    parcels: Sequence[Parcel],
    bisection: _Bisection,
    isolate: bool,
) -> None:
    try:
        receipts = delivery.absorb(source, parcels)
    except Refused as problem:
        if len(parcels) > 1:
            middle = len(parcels) // 2
            _deliver_halving(delivery, source, parcels[:middle], bisection, isolate)
            _deliver_halving(delivery, source, parcels[middle:], bisection, isolate)
            return
        bisection.failed += 1
        if bisection.failed >= MAX_FAILURES and not bisection.accepted and not isolate:
            raise _broken_pool(problem.code) from problem
        bisection.receipts[parcels[0].external_id] = Receipt(
            Outcome.REJECTED, code=problem.code, message=problem.message
        )
        return
    bisection.accepted += len(parcels)
    bisection.receipts.update(receipts)


def _broken_pool(detail: str) -> PoolDown:
    return PoolDown(
        "POOL_FAILS",
        f"The customer pool fails on every record ({detail}); the run continues later.",
        f"客户池处理所有记录均失败（{detail}），稍后继续。",
    )


ABSORB = """
mutation Deliver($source: SourceInput!, $records: [SourceRecordInput!]!, $dryRun: Boolean!) {
  absorb(source: $source, records: $records, dryRun: $dryRun) {
    outcomes { externalId outcome customerId changedFields candidates errors { code message path } }
    errors { code message path }
  }
}
"""
SIGN_IN = """
mutation SignIn($username: String!, $password: String!) {
  signIn(username: $username, password: $password) {
    accessToken
    errors { code message }
  }
}
"""


class HttpDelivery:
    """Deliver over HTTP; safe for several threads."""

    def __init__(
        self,
        customers_url: str,
        identity_url: str,
        username: str,
        password: str,
        *,
        secret: str | None = None,
        timeout: float = 60.0,
    ) -> None:
        self._url = customers_url.rstrip("/") + "/graphql"
        self._identity = identity_url.rstrip("/") + "/graphql"
        self._username = username
        self._password = password
        self._secret = secret
        self._timeout = timeout
        self._token: str | None = None
        self._lock = threading.Lock()
        self._local = threading.local()

    def absorb(
        self, source: Source, parcels: Sequence[Parcel], *, dry_run: bool = False
    ) -> dict[str, Receipt]:
        """Send one batch. Raises `Refused`, `PoolDown` or `Fatal`."""
        variables = {
            "source": {
                "system": source.system,
                "installationId": str(source.installation_id),
                "priority": source.priority,
            },
            "records": [_record(parcel) for parcel in parcels],
            "dryRun": dry_run,
        }
        with telemetry.span("deliver", kind=SpanKind.CLIENT, records=len(parcels)):
            answer = self._query(ABSORB, variables)["absorb"]
        if answer["errors"]:
            raise _failure(answer["errors"][0]["code"], answer["errors"][0]["message"])
        receipts = {outcome["externalId"]: _receipt(outcome) for outcome in answer["outcomes"]}
        missing = [parcel for parcel in parcels if parcel.external_id not in receipts]
        if missing:
            raise Refused("NO_OUTCOME", f"{len(missing)} records came back without an outcome.")
        return receipts

    def _query(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the data of an answer; an expired token is renewed once."""
        for is_retry in (False, True):
            token = self._access_token(renew=is_retry)
            answer = self._post(self._url, query, variables, token)
            errors = answer.get("errors") or []
            codes = [str(error.get("extensions", {}).get("code")) for error in errors]
            if "UNAUTHENTICATED" in codes and not is_retry:
                continue
            if errors:
                raise _failure(codes[0], str(errors[0].get("message", "")))
            data: dict[str, Any] = answer["data"]
            return data
        raise AssertionError("the second try returns or raises")

    def _access_token(self, *, renew: bool) -> str:
        with self._lock:
            if self._token is None or renew:
                self._token = self._sign_in()
            return self._token

    def _sign_in(self) -> str:
        variables = {"username": self._username, "password": self._password}
        answer = self._post(self._identity, SIGN_IN, variables, None)
        if answer.get("errors"):
            raise _pool_down(str(answer["errors"][0].get("extensions", {}).get("code")))
        payload = answer["data"]["signIn"]
        if payload["errors"] or not payload["accessToken"]:
            code = payload["errors"][0]["code"] if payload["errors"] else "UNAUTHENTICATED"
            if code == "RATE_LIMITED":
                raise _pool_down(code)
            raise Fatal(
                "SERVICE_USER_REFUSED",
                f"The service user {self._username!r} could not sign in ({code}).",
                f"服务用户 {self._username!r} 无法登录（{code}）。",
                fix_en="Check HUICHI_INTEGRATIONS_SERVICE_USERNAME and …_SERVICE_PASSWORD.",
                fix_zh="请检查 HUICHI_INTEGRATIONS_SERVICE_USERNAME 与 …_SERVICE_PASSWORD。",
            )
        token: str = payload["accessToken"]
        return token

    def _post(
        self, url: str, query: str, variables: dict[str, Any], token: str | None
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if parent := telemetry.traceparent():
            headers["traceparent"] = parent
        body = orjson.dumps({"query": query, "variables": variables})
        if self._secret:
            headers[actor_context.HEADER] = actor_context.sign(
                self._secret,
                issuer="integrations",
                audience="identity" if url == self._identity else "customers",
                body=body,
                authorization=headers.get("Authorization"),
                traceparent=parent,
            )
        try:
            response = self._session().post(
                url, data=body, headers=headers, timeout=(5, self._timeout), allow_redirects=False
            )
            answer = orjson.loads(response.content)
        except (requests.RequestException, orjson.JSONDecodeError) as problem:
            raise _pool_down(type(problem).__name__) from problem
        if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
            raise _pool_down(f"status {response.status_code}")
        return answer

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        return session


def _failure(code: str, message: str) -> Exception:
    if code in ("UNAVAILABLE", "RATE_LIMITED"):
        return _pool_down(code)
    if code in ("FORBIDDEN", "UNAUTHENTICATED"):
        return Fatal(
            "DELIVERY_FORBIDDEN",
            f"The service user may not deliver records ({code}).",
            f"服务用户无权提交记录（{code}）。",
            fix_en="Give the role `sync` the right Customer/absorb.",
            fix_zh="请为 sync 角色授予 Customer 的 absorb 权限。",
        )
    return Refused(code, message)


def _pool_down(detail: str) -> PoolDown:
    return PoolDown(
        "POOL_AWAY",
        f"An internal service does not answer ({detail}); the run continues when it does.",
        f"内部服务暂无响应（{detail}），恢复后将自动继续。",
    )


def _record(parcel: Parcel) -> dict[str, Any]:
    record = parcel.record
    return {
        "id": str(parcel.id),
        "externalId": parcel.external_id,
        "kind": record.kind.value,
        "observedAt": parcel.observed_at.isoformat(),
        "deleted": record.deleted,
        "fields": record.fields,
        "contacts": [
            {
                "externalId": contact.external_id,
                "name": contact.name,
                "title": contact.title,
                "mobile": contact.mobile,
                "email": contact.email,
            }
            for contact in record.contacts
        ],
        "tags": list(record.tags),
    }


def _receipt(outcome: dict[str, Any]) -> Receipt:
    error = (outcome.get("errors") or [None])[0]
    path = ".".join(error.get("path") or ()) if error else ""
    return Receipt(
        outcome=Outcome(outcome["outcome"]),
        customer_id=UUID(outcome["customerId"]) if outcome.get("customerId") else None,
        changed_fields=tuple(outcome.get("changedFields") or ()),
        candidates=tuple(outcome.get("candidates") or ()),
        code=error["code"] if error else None,
        message=(f"{path}: " if path else "") + error["message"] if error else None,
    )

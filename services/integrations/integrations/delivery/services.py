"""Brings records to the service that owns customers, over its GraphQL API, as a service user.

A batch may be sent again: it carries the same ids and comes back unchanged. When a batch fails as
a whole, it is halved until the record that poisons it stands alone.
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
from integrations.specs.domain.source_record import SourceRecord
from integrations.sync.domain import Outcome

BATCH = 500
# So many single records may fail before it is the receiver that counts as sick.
SICK_AFTER = 5


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from."""

    system: str
    installation_id: UUID
    priority: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A record with the id it has with us and when it was seen."""

    id: UUID
    external_id: str
    record: SourceRecord
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the receiver made of one record."""

    outcome: Outcome
    customer_id: UUID | None = None
    changed_fields: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    code: str | None = None
    message: str | None = None


class Delivery(Protocol):
    """The seam to the receiver."""

    def absorb(
        self, source: Source, parcels: Sequence[Parcel], *, dry_run: bool = False
    ) -> dict[str, Receipt]:
        """A receipt for each external id. Raises `Refused`, `Retry` or `Fatal`."""


class PoolDown(Retry):
    """Our own side is away: waited for, for as long as a day, and nothing is lost."""


class Refused(Exception):
    """The receiver failed on this batch, and perhaps only on this batch."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@dataclass(slots=True)
class _Search:
    """How the search for the poison goes."""

    good: int = 0
    bad: int = 0
    receipts: dict[str, Receipt] = field(default_factory=dict)


def deliver(
    to: Delivery, source: Source, parcels: Sequence[Parcel], *, last_chance: bool = False
) -> dict[str, Receipt]:
    """Receipts for all records, in batches; a poisonous record is rejected and the rest go in.

    Where everything fails the receiver is sick, not the records, and the run waits; unless this is
    the `last_chance`, after which the record that stands alone is the poison.
    """
    search = _Search()
    for start in range(0, len(parcels), BATCH):
        _halve(to, source, parcels[start : start + BATCH], search, last_chance)
    if search.bad and not search.good and not last_chance:
        raise _sick("every record")
    return search.receipts


def _halve(
    to: Delivery,
    source: Source,
    parcels: Sequence[Parcel],
    search: _Search,
    last_chance: bool,
) -> None:
    try:
        receipts = to.absorb(source, parcels)
    except Refused as problem:
        if len(parcels) > 1:
            middle = len(parcels) // 2
            _halve(to, source, parcels[:middle], search, last_chance)
            _halve(to, source, parcels[middle:], search, last_chance)
            return
        search.bad += 1
        if search.bad >= SICK_AFTER and not search.good and not last_chance:
            raise _sick(problem.code) from problem
        search.receipts[parcels[0].external_id] = Receipt(
            Outcome.REJECTED, code=problem.code, message=problem.message
        )
        return
    search.good += len(parcels)
    search.receipts.update(receipts)


def _sick(said: str) -> PoolDown:
    return PoolDown(
        "POOL_FAILS",
        f"The customer pool fails on everything it is given ({said}); the run goes on later.",
        f"客户池处理所有记录均失败（{said}），稍后继续。",
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
    """The real receiver, spoken to over HTTP; used by several threads."""

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
            said = self._asked(ABSORB, variables)["absorb"]
        if said["errors"]:
            raise _failure(said["errors"][0]["code"], said["errors"][0]["message"])
        outcomes = {each["externalId"]: _receipt(each) for each in said["outcomes"]}
        silent = [each for each in parcels if each.external_id not in outcomes]
        if silent:
            raise Refused("NO_OUTCOME", f"{len(silent)} records came back without an outcome.")
        return outcomes

    def _asked(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of an answer; a token that ran out is renewed once."""
        for last in (False, True):
            token = self._signed_in(renew=last)
            answer = self._post(self._url, query, variables, token)
            errors = answer.get("errors") or []
            codes = [str(each.get("extensions", {}).get("code")) for each in errors]
            if "UNAUTHENTICATED" in codes and not last:
                continue
            if errors:
                raise _failure(codes[0], str(errors[0].get("message", "")))
            data: dict[str, Any] = answer["data"]
            return data
        raise AssertionError("the second try returns or raises")

    def _signed_in(self, *, renew: bool) -> str:
        with self._lock:
            if self._token is None or renew:
                self._token = self._sign_in()
            return self._token

    def _sign_in(self) -> str:
        variables = {"username": self._username, "password": self._password}
        answer = self._post(self._identity, SIGN_IN, variables, None)
        if answer.get("errors"):
            raise _down("identity", str(answer["errors"][0].get("extensions", {}).get("code")))
        said = answer["data"]["signIn"]
        if said["errors"] or not said["accessToken"]:
            code = said["errors"][0]["code"] if said["errors"] else "UNAUTHENTICATED"
            if code == "RATE_LIMITED":
                raise _down("identity", code)
            raise Fatal(
                "SERVICE_USER_REFUSED",
                f"The service user {self._username!r} could not sign in ({code}).",
                f"服务用户 {self._username!r} 无法登录（{code}）。",
                fix_en="Check HUICHI_INTEGRATIONS_SERVICE_USERNAME and …_SERVICE_PASSWORD.",
                fix_zh="请检查 HUICHI_INTEGRATIONS_SERVICE_USERNAME 与 …_SERVICE_PASSWORD。",
            )
        token: str = said["accessToken"]
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
            raise _down(url, type(problem).__name__) from problem
        if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
            raise _down(url, f"status {response.status_code}")
        return answer

    def _session(self) -> requests.Session:
        found: requests.Session | None = getattr(self._local, "session", None)
        if found is None:
            found = self._local.session = requests.Session()
            found.trust_env = False
        return found


def _failure(code: str, message: str) -> Exception:
    if code in ("UNAVAILABLE", "RATE_LIMITED"):
        return _down("customers", code)
    if code in ("FORBIDDEN", "UNAUTHENTICATED"):
        return Fatal(
            "DELIVERY_FORBIDDEN",
            f"The service user may not deliver records ({code}).",
            f"服务用户无权提交记录（{code}）。",
            fix_en="Give the role `sync` the right Customer/absorb.",
            fix_zh="请为 sync 角色授予 Customer 的 absorb 权限。",
        )
    return Refused(code, message)


def _down(who: str, said: str) -> PoolDown:
    return PoolDown(
        "POOL_AWAY",
        f"Our own service does not answer ({said}); the run goes on when it does.",
        f"内部服务暂无响应（{said}），恢复后将自动继续。",
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
                "externalId": each.external_id,
                "name": each.name,
                "title": each.title,
                "mobile": each.mobile,
                "email": each.email,
            }
            for each in record.contacts
        ],
        "tags": list(record.tags),
    }


def _receipt(said: dict[str, Any]) -> Receipt:
    error = (said.get("errors") or [None])[0]
    path = ".".join(error.get("path") or ()) if error else ""
    return Receipt(
        outcome=Outcome(said["outcome"]),
        customer_id=UUID(said["customerId"]) if said.get("customerId") else None,
        changed_fields=tuple(said.get("changedFields") or ()),
        candidates=tuple(said.get("candidates") or ()),
        code=error["code"] if error else None,
        message=(f"{path}: " if path else "") + error["message"] if error else None,
    )

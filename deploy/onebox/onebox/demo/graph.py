"""Speaks to the gateway as any frontend does: GraphQL over HTTP, and a token for each person."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests

from onebox.native import StartFailed

T = TypeVar("T")
SIGN_IN = """
mutation SignIn($username: String!, $password: String!) {
  signIn(username: $username, password: $password) { accessToken errors { code message } }
}
"""


class Refused(StartFailed):
    """The graph answered with an error; its text is for the person at the terminal."""


@dataclass(frozen=True)
class Answer:
    """The data of an operation, and the trace that shows how it came about."""

    data: dict[str, Any]
    trace_id: str | None
    trace_url: str | None
    milliseconds: float


@dataclass
class Graph:
    """One gateway and the people who are signed in to it."""

    url: str
    password: str
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def ask(self, query: str, who: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation that must not fail."""
        return self.answer(query, who, **variables).data

    def answer(self, query: str, who: str, **variables: Any) -> Answer:
        """The same with its trace."""
        return self._post(query, variables, self._token(who))

    def done(self, mutation: str, who: str, **variables: Any) -> dict[str, Any]:
        """The payload of a mutation that must not be refused."""
        (payload,) = self.ask(mutation, who, **variables).values()
        if payload["errors"]:
            raise Refused("; ".join(each["message"] for each in payload["errors"]))
        found: dict[str, Any] = payload
        return found

    def token(self, who: str) -> str:
        """An access token, for the doors that are not GraphQL."""
        return self._token(who)

    def _token(self, who: str) -> str:
        token, until = self._tokens.get(who, ("", 0.0))
        if time.monotonic() > until:
            said = self._post(SIGN_IN, {"username": who, "password": self.password}, None)
            payload = said.data["signIn"]
            if payload["errors"]:
                raise Refused(f"{who} cannot sign in: {payload['errors'][0]['message']}")
            token = payload["accessToken"]
            self._tokens[who] = (token, time.monotonic() + 120)
        return token

    def _post(self, query: str, variables: dict[str, Any], token: str | None) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        started = time.perf_counter()
        try:
            response = requests.post(
                f"{self.url}/graphql",
                json={"query": query, "variables": variables},
                headers=headers,
                timeout=60,
            )
            said = response.json()
        except requests.RequestException as problem:
            raise Refused(f"{self.url} does not answer ({type(problem).__name__}).") from problem
        took = (time.perf_counter() - started) * 1000
        if said.get("errors"):
            told = "; ".join(
                f"{'.'.join(map(str, each.get('path') or ())) or 'request'}: {each['message']}"
                for each in said["errors"]
            )
            raise Refused(told)
        more = said.get("extensions") or {}
        trace = more.get("traceId") or response.headers.get("x-trace-id")
        return Answer(said["data"], trace, more.get("traceUrl"), took)


def until(question: Callable[[], T | None], *, seconds: float, what: str, every: float = 0.2) -> T:
    """The first answer that is there."""
    deadline = time.monotonic() + seconds
    while (found := question()) is None:
        if time.monotonic() > deadline:
            raise Refused(f"{what} did not happen within {seconds:.0f} s.")
        time.sleep(every)
    return found

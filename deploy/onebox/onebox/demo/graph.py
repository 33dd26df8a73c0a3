"""A client of the gateway as a frontend is one: GraphQL over HTTP, with a token per user."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests

from onebox.servers.native import StartFailed

T = TypeVar("T")
SIGN_IN = """
mutation SignIn($username: String!, $password: String!) {
  signIn(username: $username, password: $password) { accessToken errors { code message } }
}
"""


class Refused(StartFailed):
    """The gateway answered with an error; its text is for the user at the terminal."""


@dataclass(frozen=True)
class Answer:
    """The data of an operation, with its trace and duration."""

    data: dict[str, Any]
    trace_id: str | None
    trace_url: str | None
    milliseconds: float


@dataclass
class Graph:
    """One gateway, with the tokens of signed-in users."""

    url: str
    password: str
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def ask(self, query: str, username: str, **variables: Any) -> dict[str, Any]:
        """Return the data of an operation. Raises `Refused`."""
        return self.answer(query, username, **variables).data

    def answer(self, query: str, username: str, **variables: Any) -> Answer:
        """Return the data of an operation with its trace. Raises `Refused`."""
        return self._post(query, variables, self._token(username))

    def done(self, mutation: str, username: str, **variables: Any) -> dict[str, Any]:
        """Return the payload of a mutation. Raises `Refused`, also for errors in the payload."""
        (payload,) = self.ask(mutation, username, **variables).values()
        if payload["errors"]:
            raise Refused("; ".join(error["message"] for error in payload["errors"]))
        result: dict[str, Any] = payload
        return result

    def token(self, username: str) -> str:
        """Return an access token, for endpoints that are not GraphQL."""
        return self._token(username)

    def _token(self, username: str) -> str:
        token, expires_at = self._tokens.get(username, ("", 0.0))
        if time.monotonic() > expires_at:
            variables = {"username": username, "password": self.password}
            payload = self._post(SIGN_IN, variables, None).data["signIn"]
            if payload["errors"]:
                raise Refused(f"{username} cannot sign in: {payload['errors'][0]['message']}")
            token = payload["accessToken"]
            self._tokens[username] = (token, time.monotonic() + 120)
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
            body = response.json()
        except requests.RequestException as problem:
            raise Refused(f"{self.url} does not answer ({type(problem).__name__}).") from problem
        milliseconds = (time.perf_counter() - started) * 1000
        if body.get("errors"):
            messages = (
                f"{'.'.join(map(str, error.get('path') or ())) or 'request'}: {error['message']}"
                for error in body["errors"]
            )
            raise Refused("; ".join(messages))
        extensions = body.get("extensions") or {}
        trace = extensions.get("traceId") or response.headers.get("x-trace-id")
        return Answer(body["data"], trace, extensions.get("traceUrl"), milliseconds)


def until(question: Callable[[], T | None], *, seconds: float, event: str, every: float = 0.2) -> T:
    """Return the first answer that is not `None`. Raises `Refused` after the given seconds."""
    deadline = time.monotonic() + seconds
    while (answer := question()) is None:
        if time.monotonic() > deadline:
            raise Refused(f"{event} did not happen within {seconds:.0f} s.")
        time.sleep(every)
    return answer

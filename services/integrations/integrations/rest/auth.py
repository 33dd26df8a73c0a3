"""Authentication at a source; schemes that sign in reuse their token until it is refused."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from integrations.contract import Access, Expired, Fatal
from integrations.rest.egress import Answer, Egress
from integrations.rest.envelope import class_of_status, make_failure, retry_after
from integrations.rest.template import fill
from integrations.specs.domain.expression import Expression
from integrations.specs.domain.functions import text


class Auth:
    """The authentication headers of requests; call `forget` after the source refused them."""

    def __init__(self, scheme: Mapping[str, Any], access: Access, egress: Egress) -> None:
        self._scheme = dict(fill(scheme, access.credentials))
        self._access = access
        self._egress = egress
        self._token: str | None = None
        self._expires_at = float("inf")

    @property
    def renewable(self) -> bool:
        """Return whether the scheme has a token that signing in again renews."""
        return self._scheme["scheme"] in ("oauth2_cc", "session")

    def forget(self) -> None:
        """Drop the token, so that the next request signs in again."""
        self._token = None

    def headers(self) -> dict[str, str]:
        """Return the headers of one request; signs in where there is no valid token."""
        scheme = self._scheme
        match scheme["scheme"]:
            case "none":
                return {}
            case "bearer":
                return {"Authorization": f"Bearer {scheme['token']}"}
            case "basic":
                return {
                    "Authorization": basic_authorization(scheme["username"], scheme["password"])
                }
            case "header":
                return {str(scheme["name"]): str(scheme["value"])}
            case "oauth2_cc":
                return {"Authorization": f"Bearer {self._valid_token()}"}
            case "session":
                value = str(scheme["value"]).replace("{token}", self._valid_token())
                return {str(scheme["name"]): value}
            case unknown:
                raise AssertionError(f"the spec's schema let {unknown!r} through")

    def _valid_token(self) -> str:
        if self._token is None or time.monotonic() > self._expires_at:
            self._token = self._login()
        return self._token

    def _login(self) -> str:
        self._access.budget.spend()
        self._access.calls += 1
        scheme = self._scheme
        if scheme["scheme"] == "oauth2_cc":
            return self._client_credentials()
        login = scheme["login"]
        answer = self._egress.send(
            login.get("method", "POST"),
            login["path"],
            query=login.get("query"),
            headers=login.get("headers"),
            body=login.get("body"),
        )
        return self._token_in(answer, Expression(scheme["token_path"]))

    def _client_credentials(self) -> str:
        """Request a token with the client credentials grant (RFC 6749 §4.4)."""
        scheme = self._scheme
        form = {"grant_type": "client_credentials"}
        if scheme.get("scope"):
            form["scope"] = scheme["scope"]
        headers: dict[str, str] = {}
        if scheme.get("send", "basic") == "basic":
            headers["Authorization"] = basic_authorization(
                scheme["client_id"], scheme["client_secret"]
            )
        else:
            form |= {"client_id": scheme["client_id"], "client_secret": scheme["client_secret"]}
        answer = self._egress.send("POST", scheme["token_path_url"], headers=headers, form=form)
        token = self._token_in(answer, Expression("access_token"))
        lifetime = answer.json().get("expires_in")
        if isinstance(lifetime, (int, float)):
            # Renewed 30 s early, so that it does not expire on its way.
            self._expires_at = time.monotonic() + max(1.0, lifetime - 30)
        return token

    def _token_in(self, answer: Answer, path: Expression) -> str:
        if answer.status >= 400:
            kind = class_of_status(answer.status)
            if kind in ("throttle", "retryable"):
                raise make_failure(kind, f"status {answer.status}", retry_after(answer.headers))
            raise _refused(f"status {answer.status}")
        token = text(path.find(answer.json()))
        if token is None:
            raise _refused(f"no token at `{path.text}`")
        return token


def basic_authorization(username: str, password: str) -> str:
    """Return the header value of basic authentication (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _refused(detail: str) -> Fatal:
    return Fatal(
        "SIGN_IN_REFUSED",
        f"The source refused the sign-in ({detail}).",
        f"无法登录来源系统（{detail}）。",
        fix_en="Enter the credentials again and check their rights in the source.",
        fix_zh="请重新填写凭证，并检查其在来源系统中的权限。",
    )


def as_fatal(problem: Expired) -> Fatal:
    """Return the failure for a fresh sign-in that was refused as well; waiting does not help."""
    return Fatal(problem.code, problem.en, problem.zh, fix_en=problem.fix_en, fix_zh=problem.fix_zh)

"""How a request proves who we are; the schemes that sign in keep their token until it is refused."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from integrations.contract import Access, Expired, Fatal
from integrations.rest.egress import Answer, Egress
from integrations.rest.envelope import by_status, failure, retry_after
from integrations.rest.template import fill
from integrations.specs.domain.expression import Expression
from integrations.specs.domain.functions import text


class Auth:
    """The headers of one request; `forget` after the source refused them."""

    def __init__(self, said: Mapping[str, Any], access: Access, egress: Egress) -> None:
        self._said = dict(fill(said, access.credentials))
        self._access = access
        self._egress = egress
        self._token: str | None = None
        self._until = float("inf")

    @property
    def renewable(self) -> bool:
        """Whether signing in again could help."""
        return self._said["scheme"] in ("oauth2_cc", "session")

    def forget(self) -> None:
        self._token = None

    def headers(self) -> dict[str, str]:
        said = self._said
        match said["scheme"]:
            case "none":
                return {}
            case "bearer":
                return {"Authorization": f"Bearer {said['token']}"}
            case "basic":
                return {"Authorization": basic(said["username"], said["password"])}
            case "header":
                return {str(said["name"]): str(said["value"])}
            case "oauth2_cc":
                return {"Authorization": f"Bearer {self._kept_token()}"}
            case "session":
                return {
                    str(said["name"]): str(said["value"]).replace("{token}", self._kept_token())
                }
            case unknown:
                raise AssertionError(f"the spec's schema let {unknown!r} through")

    def _kept_token(self) -> str:
        if self._token is None or time.monotonic() > self._until:
            self._token = self._login()
        return self._token

    def _login(self) -> str:
        self._access.budget.spend()
        self._access.calls += 1
        said = self._said
        if said["scheme"] == "oauth2_cc":
            return self._client_credentials()
        login = said["login"]
        answer = self._egress.send(
            login.get("method", "POST"),
            login["path"],
            query=login.get("query"),
            headers=login.get("headers"),
            body=login.get("body"),
        )
        return self._token_in(answer, Expression(said["token_path"]))

    def _client_credentials(self) -> str:
        """RFC 6749 §4.4."""
        said = self._said
        form = {"grant_type": "client_credentials"}
        if said.get("scope"):
            form["scope"] = said["scope"]
        headers: dict[str, str] = {}
        if said.get("send", "basic") == "basic":
            headers["Authorization"] = basic(said["client_id"], said["client_secret"])
        else:
            form |= {"client_id": said["client_id"], "client_secret": said["client_secret"]}
        answer = self._egress.send("POST", said["token_path_url"], headers=headers, form=form)
        token = self._token_in(answer, Expression("access_token"))
        lives = answer.json().get("expires_in")
        if isinstance(lives, (int, float)):
            self._until = time.monotonic() + max(1.0, lives - 30)
        return token

    def _token_in(self, answer: Answer, path: Expression) -> str:
        if answer.status >= 400:
            kind = by_status(answer.status)
            if kind in ("throttle", "retryable"):
                raise failure(kind, f"status {answer.status}", retry_after(answer.headers))
            raise _refused(f"status {answer.status}")
        token = text(path.find(answer.json()))
        if token is None:
            raise _refused(f"no token at `{path.text}`")
        return token


def basic(username: str, password: str) -> str:
    """RFC 7617."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _refused(said: str) -> Fatal:
    return Fatal(
        "SIGN_IN_REFUSED",
        f"The source does not let us sign in ({said}).",
        f"无法登录来源系统（{said}）。",
        fix_en="Enter the credentials again and check their rights in the source.",
        fix_zh="请重新填写凭证，并检查其在来源系统中的权限。",
    )


def never_accepted(problem: Expired) -> Fatal:
    """A fresh sign-in was refused as well, so waiting will not help."""
    return Fatal(problem.code, problem.en, problem.zh, fix_en=problem.fix_en, fix_zh=problem.fix_zh)

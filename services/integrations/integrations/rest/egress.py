"""Requests to a source: one host, no private address, no foreign redirect, bounded answers.

An installation names a host; requests go there and nowhere else. The name is resolved here, each
address is checked, and the socket connects to the address that was checked, so that a name cannot
resolve to another one in between (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from urllib3.exceptions import HTTPError

from integrations.contract import Fatal, Retry
from integrations.rest.network import Adapter, network_failure

MAX_BYTES = 32 * 1024 * 1024
MAX_REDIRECTS = 3
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_AGENT = "Huichi-Integrations/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    def json(self) -> Any:
        """Return the body as JSON. Raises `Retry` otherwise, since the body may be cut short."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as problem:
            raise Retry(
                "NOT_JSON",
                f"The source answered with status {self.status} and something that is not JSON "
                "(an error page, or an answer cut short).",
                f"来源返回了状态 {self.status}，但内容不是 JSON（可能是错误页面或被截断）。",
                fix_en="Check that the address is the API's and not the address of a web page.",
                fix_zh="请确认填写的是接口地址，而不是网页地址。",
            ) from problem

    @property
    def time(self) -> datetime | None:
        """Return the time by the source's own clock, in UTC."""
        try:
            return parsedate_to_datetime(self.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError, TypeError):
            return None


class Egress:
    """A client of one host; not to be shared by threads."""

    def __init__(
        self,
        base_url: str,
        *,
        allow_private_hosts: bool = False,
        timeout: float = 30.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._origin = origin_of(base_url)
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._session = requests.Session()
        # Proxies and .netrc of the machine would silently change the peer and the credentials.
        self._session.trust_env = False
        adapter = Adapter(allow_private_hosts)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and follow redirects of GET within the host.

        Raises `Retry` when the network failed, `Fatal` when the request is not allowed.
        """
        url = self._url(path)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send_traced(method, url, query, headers, body, form)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            url, query = self._check_origin(urljoin(url, answer.headers["location"])), None
            if method != "GET":
                raise Fatal(
                    "REDIRECT",
                    f"The source redirects a {method} request, which would repeat it elsewhere.",
                    f"来源重定向了 {method} 请求，可能导致重复提交。",
                    fix_en="Put the final address into the configuration.",
                    fix_zh="请在配置中填写最终地址。",
                )
        raise Fatal(
            "REDIRECT",
            f"The source redirected more than {MAX_REDIRECTS} times.",
            f"来源重定向超过 {MAX_REDIRECTS} 次。",
            fix_en="Put the final address into the configuration.",
            fix_zh="请在配置中填写最终地址。",
        )

    def _send_traced(self, method: str, url: str, *rest: Any) -> Answer:
        """Record one span per request: duration and status, never its content."""
        with trace.get_tracer("huichi").start_as_current_span(
            f"source {method}",
            kind=SpanKind.CLIENT,
            attributes={"http.request.method": method, "server.address": self._origin[1]},
            # The text of an error may hold personal data, which traces must not.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            answer = self._send_once(method, url, *rest)
            span.set_attribute("http.response.status_code", answer.status)
            span.set_attribute("http.response.body.size", len(answer.content))
            return answer

    def _url(self, path: str) -> str:
        if path.startswith(("http://", "https://")):
            return self._check_origin(path)
        return self._base + path

    def _check_origin(self, url: str) -> str:
        """Return the URL of a link or redirect with the same origin. Raises `Fatal` otherwise."""
        if origin_of(url) != self._origin:
            raise Fatal(
                "OTHER_HOST",
                f"The source points to another host ({urlsplit(url).hostname}); only "
                f"{self._origin[1]} is allowed for this installation.",
                f"来源指向其他主机（{urlsplit(url).hostname}），本连接只允许访问 "
                f"{self._origin[1]}。",
                fix_en="Put the final address into the configuration.",
                fix_zh="请在配置中填写最终地址。",
            )
        return url

    def _send_once(
        self,
        method: str,
        url: str,
        query: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: Any,
        form: Mapping[str, str] | None,
    ) -> Answer:
        request_headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": _AGENT,
        }
        data: Any = form
        if body is not None:
            data = orjson.dumps(body)
            request_headers["Content-Type"] = "application/json"
        try:
            with self._session.request(
                method,
                url,
                params=query,
                headers=request_headers | dict(headers or {}),
                data=data,
                timeout=(min(self._timeout, 10), self._timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(
                    response.status_code,
                    {name.lower(): value for name, value in response.headers.items()},
                    self._read(response),
                    url,
                )
        except (requests.RequestException, HTTPError, OSError) as problem:
            raise network_failure(problem, self._origin[1]) from problem

    def _read(self, response: requests.Response) -> bytes:
        """Return the body, limited after decompression, because of decompression bombs."""
        parts, size = [], 0
        for part in response.iter_content(65536):
            size += len(part)
            if size > self._max_bytes:
                raise Fatal(
                    "TOO_LARGE",
                    f"The answer is larger than {self._max_bytes // 1048576} MB.",
                    f"返回内容超过 {self._max_bytes // 1048576} MB。",
                    fix_en="Request smaller pages.",
                    fix_zh="请减小每页条数。",
                )
            parts.append(part)
        return b"".join(parts)


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port

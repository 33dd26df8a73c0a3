"""Sockets to a source: which addresses may be spoken to, and what a broken network means."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError
from urllib3.poolmanager import PoolManager

from integrations.contract import Fatal, Retry


def is_public(address: str) -> bool:
    """Whether an address belongs to the open network and not to a machine or house."""
    found = ipaddress.ip_address(address.split("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


class Blocked(OSError):
    """The host has no address that may be spoken to."""


def failure_of(problem: Exception, host: str) -> Fatal | Retry:
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, (Fatal, Retry)):
            return cause
        if isinstance(cause, Blocked):
            return Fatal(
                "PRIVATE_HOST",
                f"{host} has only private addresses, which are not allowed here.",
                f"{host} 只有内网地址，当前不允许访问。",
                fix_en="Use a public address, or have HUICHI_INTEGRATIONS_ALLOW_PRIVATE_HOSTS "
                "set to true by whoever runs this installation.",
                fix_zh="请使用公网地址，或由运维人员将 HUICHI_INTEGRATIONS_ALLOW_PRIVATE_HOSTS "
                "设为 true。",
            )
        if isinstance(cause, socket.gaierror):
            return Retry(
                "NO_SUCH_HOST",
                f"The name {host} is not known to the network.",
                f"无法解析主机名 {host}。",
                fix_en="Check the address for a typing error.",
                fix_zh="请检查地址是否有误。",
            )
        cause = cause.__cause__ or cause.__context__ or _reason(cause)
    if isinstance(problem, requests.exceptions.SSLError):
        return Fatal(
            "BAD_CERTIFICATE",
            f"The certificate of {host} could not be verified.",
            f"无法验证 {host} 的证书。",
            fix_en="Have the certificate renewed, or its authority trusted on this machine.",
            fix_zh="请更新证书，或在本机信任其签发机构。",
        )
    if isinstance(problem, requests.exceptions.Timeout):
        return Retry(
            "TIMEOUT",
            f"{host} did not answer in time.",
            f"{host} 响应超时。",
            fix_en="Try again; if it stays, ask for smaller pages.",
            fix_zh="请重试；若持续超时，请减小每页条数。",
        )
    return Retry(
        "NO_CONNECTION",
        f"{host} could not be reached, or broke off ({type(problem).__name__}).",
        f"无法连接 {host}，或连接中断（{type(problem).__name__}）。",
        fix_en="Check the address and port, and that the source is running.",
        fix_zh="请检查地址与端口，并确认来源系统正在运行。",
    )


def _reason(cause: BaseException) -> BaseException | None:
    """urllib3 keeps the cause in `reason`, requests in its first argument."""
    for found in (getattr(cause, "reason", None), *cause.args[:1]):
        if isinstance(found, BaseException):
            return found
    return None


def _connect(connection: HTTPConnection, allow_private: bool) -> socket.socket:
    """A socket to the first address of the host that is allowed and answers."""
    host, port = connection.host, connection.port
    last: OSError | None = None
    timeout = connection.timeout if isinstance(connection.timeout, (int, float)) else 10.0
    for family, kind, protocol, _, where in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        if not allow_private and not is_public(str(where[0])):
            continue
        found = socket.socket(family, kind, protocol)
        try:
            found.settimeout(timeout)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found.connect(where)
        except OSError as problem:
            last = problem
            found.close()
        else:
            return found
    raise last or Blocked(f"{host} has no allowed address")


def _pools(allow_private: bool) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _opened(self, allow_private)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _opened(self, allow_private)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _opened(connection: HTTPConnection, allow_private: bool) -> socket.socket:
    try:
        return _connect(connection, allow_private)
    except OSError as problem:
        raise NewConnectionError(connection, str(problem)) from problem


class Adapter(HTTPAdapter):
    """Requests' transport with our own way of opening sockets."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        super().__init__(max_retries=0, pool_connections=2, pool_maxsize=2)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **_: Any
    ) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block)
        self.poolmanager.pool_classes_by_scheme = _pools(self._allow_private)

"""Sockets to a source: the addresses that are allowed, and the failures of the network."""

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
    """Return whether an address is globally reachable (IANA special-purpose registries)."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast


class Blocked(OSError):
    """The host has no address that is allowed."""


def network_failure(problem: Exception, host: str) -> Fatal | Retry:
    """Return the failure of a request that got no answer, by its deepest known cause."""
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
                "set to true by the operator of this deployment.",
                fix_zh="请使用公网地址，或由运维人员将 HUICHI_INTEGRATIONS_ALLOW_PRIVATE_HOSTS "
                "设为 true。",
            )
        if isinstance(cause, socket.gaierror):
            return Retry(
                "NO_SUCH_HOST",
                f"The host name {host} could not be resolved.",
                f"无法解析主机名 {host}。",
                fix_en="Check the address for a typing error.",
                fix_zh="请检查地址是否有误。",
            )
        cause = cause.__cause__ or cause.__context__ or _wrapped(cause)
    if isinstance(problem, requests.exceptions.SSLError):
        return Fatal(
            "BAD_CERTIFICATE",
            f"The certificate of {host} could not be verified.",
            f"无法验证 {host} 的证书。",
            fix_en="Renew the certificate, or trust its issuing authority on this machine.",
            fix_zh="请更新证书，或在本机信任其签发机构。",
        )
    if isinstance(problem, requests.exceptions.Timeout):
        return Retry(
            "TIMEOUT",
            f"{host} did not answer in time.",
            f"{host} 响应超时。",
            fix_en="Try again; if it happens repeatedly, request smaller pages.",
            fix_zh="请重试；若持续超时，请减小每页条数。",
        )
    return Retry(
        "NO_CONNECTION",
        f"{host} could not be reached, or closed the connection ({type(problem).__name__}).",
        f"无法连接 {host}，或连接中断（{type(problem).__name__}）。",
        fix_en="Check the address and port, and that the source is running.",
        fix_zh="请检查地址与端口，并确认来源系统正在运行。",
    )


def _wrapped(problem: BaseException) -> BaseException | None:
    """Return the cause that urllib3 stores in `reason`, and requests in its first argument."""
    for cause in (getattr(problem, "reason", None), *problem.args[:1]):
        if isinstance(cause, BaseException):
            return cause
    return None


def _connect(connection: HTTPConnection, allow_private: bool) -> socket.socket:
    """Return a socket to the first address of the host that is allowed and answers."""
    host, port = connection.host, connection.port
    last: OSError | None = None
    timeout = connection.timeout if isinstance(connection.timeout, (int, float)) else 10.0
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        if not allow_private and not is_public(str(address[0])):
            continue
        connected = socket.socket(family, kind, protocol)
        try:
            connected.settimeout(timeout)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.connect(address)
        except OSError as problem:
            last = problem
            connected.close()
        else:
            return connected
    raise last or Blocked(f"{host} has no allowed address")


def _pools(allow_private: bool) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _open(self, allow_private)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _open(self, allow_private)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _open(connection: HTTPConnection, allow_private: bool) -> socket.socket:
    try:
        return _connect(connection, allow_private)
    except OSError as problem:
        raise NewConnectionError(connection, str(problem)) from problem


class Adapter(HTTPAdapter):
    """A transport of requests that connects to allowed addresses only."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        super().__init__(max_retries=0, pool_connections=2, pool_maxsize=2)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **_: Any
    ) -> None:
        """Create the pools whose connections check addresses."""
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block)
        self.poolmanager.pool_classes_by_scheme = _pools(self._allow_private)

"""The connections and keys that the engine, previews and connection tests share in one process."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import redis

from chassis.db import SyncDatabase
from chassis.worker import Work
from integrations.contract import Access, Fatal, Spec
from integrations.core.domain.seal import Broken, Seal, seal
from integrations.delivery.services import Delivery, HttpDelivery
from integrations.installations import commands as installations
from integrations.rest.limits import SharedBudget
from integrations.settings import IntegrationsSettings


@dataclass(frozen=True, slots=True)
class SyncRuntime:
    """One process's connections and keys."""

    settings: IntegrationsSettings
    db: SyncDatabase
    redis: redis.Redis
    delivery: Delivery
    seal: Seal
    worker: str

    def access(self, budget_key: str, spec: Spec, credentials: Mapping[str, str]) -> Access:
        """Return what a connector may use; calls with one key share one request budget."""
        return Access(
            credentials=credentials,
            budget=SharedBudget(self.redis, budget_key, spec.limits),
            allow_private_hosts=self.settings.allow_private_hosts,
            spreadsheet_folder=self.settings.spreadsheet_folder,
        )


_runtimes: dict[tuple[int, str], SyncRuntime] = {}
_lock = threading.Lock()


def sync_runtime(settings: IntegrationsSettings) -> SyncRuntime:
    """Return the runtime of this process, made at its first use and made anew after a fork."""
    key = (os.getpid(), settings.database_url)
    with _lock:
        if key not in _runtimes:
            work = Work.of(settings, "integrations")
            _runtimes[key] = SyncRuntime(
                settings=settings,
                db=work.db,
                redis=work.redis,
                delivery=HttpDelivery(
                    settings.customers_url,
                    settings.sign_in_url,
                    settings.service_username,
                    settings.service_password,
                    secret=settings.actor_secret,
                ),
                seal=seal(settings.credential_key),
                worker=f"{socket.gethostname()}:{os.getpid()}",
            )
        return _runtimes[key]


def installation_access(runtime: SyncRuntime, id: UUID, spec: Spec) -> Access:
    """Return what the connector of an installation may use. Raises `Fatal`."""
    try:
        credentials = runtime.db.read(installations.credentials, runtime.seal, id)
    except Broken as problem:
        raise Fatal(
            "CREDENTIALS_UNREADABLE",
            "The stored credentials cannot be decrypted with the present key.",
            "已保存的凭证无法用当前密钥解密。",
            fix_en="Enter the credentials again, or restore HUICHI_INTEGRATIONS_CREDENTIAL_KEY.",
            fix_zh="请重新填写凭证，或恢复 HUICHI_INTEGRATIONS_CREDENTIAL_KEY。",
        ) from problem
    return runtime.access(str(id), spec, credentials)

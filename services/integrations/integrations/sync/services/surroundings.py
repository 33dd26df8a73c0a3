"""What the engine, previews and connection tests work with; made once per process."""

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
class Surroundings:
    """One process's connections and keys."""

    settings: IntegrationsSettings
    db: SyncDatabase
    redis: redis.Redis
    delivery: Delivery
    seal: Seal
    worker: str


_made: dict[tuple[int, str], Surroundings] = {}
_lock = threading.Lock()


def surroundings(settings: IntegrationsSettings) -> Surroundings:
    """Those of this process, after any fork."""
    key = (os.getpid(), settings.database_url)
    with _lock:
        if key not in _made:
            work = Work.of(settings, "integrations")
            _made[key] = Surroundings(
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
        return _made[key]


def access(around: Surroundings, id: UUID, spec: Spec) -> Access:
    """What the connector of an installation may use."""
    try:
        credentials = around.db.read(installations.credentials, around.seal, id)
    except Broken as problem:
        raise Fatal(
            "CREDENTIALS_UNREADABLE",
            "The stored credentials do not open with the present key.",
            "已保存的凭证无法用当前密钥解开。",
            fix_en="Enter the credentials again, or restore HUICHI_INTEGRATIONS_CREDENTIAL_KEY.",
            fix_zh="请重新填写凭证，或恢复 HUICHI_INTEGRATIONS_CREDENTIAL_KEY。",
        ) from problem
    return Access(
        credentials=credentials,
        budget=SharedBudget(around.redis, str(id), spec.limits),
        allow_private_hosts=around.settings.allow_private_hosts,
        spreadsheet_folder=around.settings.spreadsheet_folder,
    )


def trial_access(
    around: Surroundings, key: str, spec: Spec, credentials: Mapping[str, str]
) -> Access:
    """The same for a source that is only tried out while somebody waits for the answer."""
    return Access(
        credentials=credentials,
        budget=SharedBudget(around.redis, key, spec.limits),
        allow_private_hosts=around.settings.allow_private_hosts,
        spreadsheet_folder=around.settings.spreadsheet_folder,
        timeout=10.0,
        deadline=8.0,
    )

"""The settings of this service, beyond those of every service."""

from __future__ import annotations

from chassis.settings import Settings


class IntegrationsSettings(Settings, frozen=True, kw_only=True):
    """Settings from the variables `HUICHI_INTEGRATIONS_…`."""

    customers_url: str
    """Base address of the customers service, which receives the records."""
    identity_url: str | None = None
    """Base address of the identity service, for signing in; the issuer's by default."""
    service_username: str = "sync"
    """The service user that delivers records."""
    service_password: str = ""
    credential_key: str
    """Base64 keys of 32 bytes, separated by commas, the present one first."""
    allow_private_hosts: bool = False
    """Whether sources may have private or loopback addresses."""
    spreadsheet_folder: str | None = None
    """The one folder spreadsheets may be read from."""
    lease_seconds: float = 15.0
    """A run's worker counts as dead this long after its last heartbeat."""
    slice_seconds: float = 20.0
    """A task works this long on a run before it lets other runs have a turn."""

    @property
    def sign_in_url(self) -> str:
        """Return the base address of the identity service."""
        return self.identity_url or self.issuer_url

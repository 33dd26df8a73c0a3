"""What integrations needs to know beyond what every service does."""

from __future__ import annotations

from chassis.settings import Settings


class IntegrationsSettings(Settings, frozen=True, kw_only=True):
    """`HUICHI_INTEGRATIONS_…`"""

    customers_url: str
    """Base address of the service that takes the records."""
    identity_url: str | None = None
    """Base address of the service that signs in; the issuer when it is not said."""
    service_username: str = "sync"
    """The service user that delivers records."""
    service_password: str = ""
    credential_key: str
    """base64 keys of 32 bytes, the present one first, older ones after a comma."""
    allow_private_hosts: bool = False
    """Whether sources may be at private or loopback addresses."""
    spreadsheet_folder: str | None = None
    """The one folder spreadsheets may be read from."""
    lease_seconds: float = 15.0
    """After so long without a sign of life a run's worker counts as dead."""
    slice_seconds: float = 20.0
    """A task works this long on a run before it lets others have a turn."""

    @property
    def sign_in_url(self) -> str:
        return self.identity_url or self.issuer_url

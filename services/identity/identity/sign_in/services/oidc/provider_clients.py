"""The providers this process speaks to, each remembered until its row changes."""

from __future__ import annotations

from identity.core.domain.ids import ProviderId
from identity.sign_in.services.oidc.http_client import Wire
from identity.sign_in.services.oidc.provider_client import Party
from identity.sign_in.store.provider import ProviderRow


class Parties:
    """One a process."""

    def __init__(self, *, insecure: bool) -> None:
        self.insecure = insecure
        self._wire = Wire()
        self._known: dict[ProviderId, Party] = {}

    def of(self, provider: ProviderRow) -> Party:
        """The party of a provider as its row is now."""
        known = self._known.get(provider.id)
        if known is None or known.provider.version != provider.version:
            known = self._known[provider.id] = Party(self._wire, provider, insecure=self.insecure)
        return known

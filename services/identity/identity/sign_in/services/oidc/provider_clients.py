"""The provider clients of a process, each kept until the row of its provider changes."""

from __future__ import annotations

from identity.core.domain.ids import ProviderId
from identity.sign_in.services.oidc.http_client import HttpClient
from identity.sign_in.services.oidc.provider_client import ProviderClient
from identity.sign_in.store.provider import ProviderRow


class ProviderClients:
    """All provider clients of a process; they share one HTTP client."""

    def __init__(self, *, insecure: bool) -> None:
        self.insecure = insecure
        self._http = HttpClient()
        self._clients: dict[ProviderId, ProviderClient] = {}

    def client_of(self, provider: ProviderRow) -> ProviderClient:
        """Return the client of a provider in its present version."""
        client = self._clients.get(provider.id)
        if client is None or client.provider.version != provider.version:
            client = self._clients[provider.id] = ProviderClient(
                self._http, provider, insecure=self.insecure
            )
        return client

"""Check the set-up of a source against the connector it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.errors import BadInput
from integrations.connectors import installed
from integrations.contract import Connector, Kind
from integrations.core.domain.validation import find_problems, raise_for_problems
from integrations.rest.template import credential_names


def open_connector(connector_id: str, configuration: Any) -> tuple[Kind, Connector]:
    """Return the connector kind, and the connector opened with a configuration.

    Raises `BadInput` for an unknown connector or an invalid configuration.
    """
    kind = installed().get(connector_id)
    if kind is None:
        available = ", ".join(installed())
        raise BadInput(
            f"There is no connector {connector_id[:60]!r}; available are: {available}.",
            f"没有名为 {connector_id[:60]!r} 的连接器，可用的有：{available}。",
            field="connectorId",
        )
    if not isinstance(configuration, dict):
        raise BadInput(
            "configuration must be an object that is valid under configurationSchema.",
            "configuration 应为符合 configurationSchema 的对象。",
            field="configuration",
        )
    return kind, kind.open(configuration)


def check_credentials(
    kind: Kind, configuration: Mapping[str, Any], credentials: Any
) -> dict[str, str]:
    """Return credentials that are well-formed and complete for the configuration.

    Raises `BadInput`; no value of a credential is repeated in the message.
    """
    if not isinstance(credentials, dict):
        raise BadInput(
            "credentials must be an object that is valid under credentialsSchema.",
            "credentials 应为符合 credentialsSchema 的对象。",
            field="credentials",
        )
    raise_for_problems(find_problems(kind.credentials, credentials, secret=True), "credentials")
    missing_names = sorted(credential_names(configuration) - set(credentials))
    if missing_names:
        raise BadInput(
            f"The spec refers to {', '.join(missing_names)}; give a value for each.",
            f"规格中引用了 {'、'.join(missing_names)}，请逐一填写。",
            field=f"credentials.{missing_names[0]}",
        )
    return dict(credentials)


def check_stored_credentials(configuration: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse a configuration that refers to credentials that were not stored earlier.

    Raises `BadInput`.
    """
    missing_names = sorted(credential_names(configuration) - set(names))
    if missing_names:
        raise BadInput(
            f"The spec refers to {', '.join(missing_names)}, which is not stored; "
            "give credentials.",
            f"规格中引用了尚未填写的 {'、'.join(missing_names)}，请一并提供 credentials。",
            field=f"credentials.{missing_names[0]}",
        )

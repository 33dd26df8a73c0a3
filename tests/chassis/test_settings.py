"""Settings come from the environment; what is missing or wrong is named."""

from __future__ import annotations

import pytest

from chassis.settings import BadSettings, Settings, load

COMMON = {
    "HUICHI_DATABASE_URL": "postgresql://common",
    "HUICHI_REDIS_URL": "redis://r",
    "HUICHI_ISSUER_URL": "http://i",
}


def test_prefers_the_service_s_own_value() -> None:
    environ = COMMON | {"HUICHI_IDENTITY_DATABASE_URL": "postgresql://own", "HUICHI_PORT": "8"}

    settings = load(Settings, "identity", environ)

    assert (settings.database_url, settings.port) == ("postgresql://own", 8)


def test_names_the_variable_that_is_missing() -> None:
    with pytest.raises(BadSettings, match="HUICHI_IDENTITY_REDIS_URL"):
        load(Settings, "identity", {"HUICHI_DATABASE_URL": "x", "HUICHI_ISSUER_URL": "y"})


def test_names_the_value_that_is_wrong() -> None:
    with pytest.raises(BadSettings, match="port"):
        load(Settings, "identity", COMMON | {"HUICHI_PORT": "eighty"})

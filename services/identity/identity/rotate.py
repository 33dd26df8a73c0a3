"""`python -m identity.rotate`: create a new signing key now, without ending any session."""

from __future__ import annotations

import argparse
from datetime import timedelta

from chassis.db import SyncDatabase
from chassis.settings import load
from identity.core.domain.seal import Seal
from identity.settings import IdentitySettings
from identity.sign_in.commands.signing_key import PUBLISHED_AHEAD, rotate


def main() -> None:
    """Rotate with the settings of the environment."""
    argparse.ArgumentParser(
        prog="python -m identity.rotate",
        description="Create a new key that signs access tokens. It is published at once and signs "
        f"after {PUBLISHED_AHEAD.seconds} s; the old one is withdrawn when its last token has "
        "expired. Reads HUICHI_IDENTITY_* like the service.",
    ).parse_args()
    settings = load(IdentitySettings, "identity")
    db = SyncDatabase(settings.database_url, application="identity-rotate")
    try:
        lifetime = timedelta(seconds=settings.access_token_seconds)
        key = db.write(rotate, Seal(settings.secret), lifetime)
    finally:
        db.close()
    print(f"signing key {key} is published")  # noqa: T201 — the output of a command


if __name__ == "__main__":
    main()

"""What becomes of a refresh token that is shown, and how secrets are kept."""

from __future__ import annotations

import pytest

from identity.core.domain.seal import CannotUnseal, Seal
from identity.sign_in.domain import token
from identity.sign_in.domain.session import RefreshTokenState, Verdict, decide_renewal


def shown(**changed: bool) -> RefreshTokenState:
    fresh = {"used": False, "expired": False, "session_ended": False, "user_active": True}
    return RefreshTokenState(**(fresh | changed))


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (None, Verdict.UNKNOWN),
        (shown(), Verdict.RENEW),
        (shown(expired=True), Verdict.EXPIRED),
        (shown(session_ended=True), Verdict.ENDED),
        (shown(user_active=False), Verdict.ENDED),
        (shown(used=True), Verdict.REUSED),
        (shown(used=True, expired=True, session_ended=True), Verdict.REUSED),
    ],
)
def test_decides(seen: RefreshTokenState | None, verdict: Verdict) -> None:
    assert decide_renewal(seen) is verdict


def test_refresh_tokens_are_long_and_kept_as_hashes() -> None:
    one, other = token.new_refresh_token(), token.new_refresh_token()

    assert one != other
    assert len(one) >= 43
    assert len(token.token_digest(one)) == 32


def test_a_seal_opens_what_it_closed_and_nothing_else() -> None:
    seal = Seal("s" * 32)
    closed = seal.close(b"private", "key-1")

    assert b"private" not in closed
    assert seal.open(closed, "key-1") == b"private"
    for other, name, sealed in (
        (Seal("t" * 32), "key-1", closed),
        (seal, "key-2", closed),
        (seal, "key-1", closed[:-1] + bytes([closed[-1] ^ 1])),
    ):
        with pytest.raises(CannotUnseal):
            other.open(sealed, name)

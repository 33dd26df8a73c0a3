"""Passwords: which are accepted, and how they are hashed so that they cannot be read back.

Hashing takes about 20 ms and 19 MiB on purpose; callers run it outside of the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chassis.errors import BadInput
from identity.sign_in.domain.password_strength import WEAKNESS_TEXTS, Weakness, find_weakness

MIN_LENGTH, MAX_LENGTH = 10, 200

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked when no user has the user name, so that this takes as long as a wrong password.
_DUMMY_HASH = _hasher.hash("no user has this password")


def check_strength(password: str, username: str, *, field: str, words: Iterable[str] = ()) -> str:
    """Return the password if it is long enough and not easy to guess. Raises `BadInput`.

    `words` are names of its owner. Takes some milliseconds, in the worst case half a second.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise BadInput(
            f"{field} has {len(password)} characters; use {MIN_LENGTH} to {MAX_LENGTH}.",
            f"{field} 有 {len(password)} 个字符，须为 {MIN_LENGTH} 至 {MAX_LENGTH} 个。",
            field=field,
        )
    reason = _find_weakness(password, username, words)
    if reason is not None:
        en, zh = WEAKNESS_TEXTS[reason]
        raise BadInput(
            f"{field} is easy to guess: {en}. Use several unrelated words.",
            f"{field} 太容易被猜到：{zh}。请使用几个互不相关的词。",
            field=field,
            reason=reason.value,
        )
    return password


def check_changed(current_hash: str, password: str, *, field: str) -> None:
    """Raise `BadInput` if a new password is the current one."""
    if matches(current_hash, password):
        raise BadInput(
            f"{field} is the current password; choose a different one.",
            f"{field} 与当前密码相同，请设置不同的密码。",
            field=field,
        )


def _find_weakness(password: str, username: str, words: Iterable[str]) -> Weakness | None:
    name = username.strip().lower()
    if name and name in password.lower():
        return Weakness.PERSONAL
    return find_weakness(password, (username, *words))


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password."""
    return _hasher.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Return whether a password has this hash; takes equally long without a hash."""
    try:
        return _hasher.verify(password_hash or _DUMMY_HASH, password) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return whether a hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)

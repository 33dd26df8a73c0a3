"""Passwords: what is accepted as one, and how one is kept so that nobody can read it back.

Hashing takes about 20 ms and 19 MiB on purpose; callers run it outside of the event loop.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chassis.errors import BadInput

SHORTEST, LONGEST = 10, 200
# What attackers try first, in the lengths we accept; shorter ones are refused anyway.
_TRIED_FIRST = (
    "password",
    "qwertyuiop",
    "1q2w3e4r5t",
    "iloveyou",
    "administrator",
    "woaini",
    "letmein",
)
_ROWS = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
)

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked when nobody has the user name, so that this takes as long as a wrong password.
_NOBODY = _hasher.hash("nobody has this password")


def accepted(password: str, username: str, *, field: str) -> str:
    """The password, if it is one that is not guessed at once."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(
            f"{field} has {len(password)} characters; {SHORTEST} to {LONGEST} are needed.",
            f"{field} 有 {len(password)} 个字符，须为 {SHORTEST} 至 {LONGEST} 个。",
            field=field,
        )
    if _is_guessable(password.lower(), username):
        raise BadInput(
            f"{field} is easy to guess: a row of keys, a common word or the user name. "
            "Use several unrelated words.",
            f"{field} 太容易被猜到（键盘顺序、常见词或用户名），请使用几个互不相关的词。",
            field=field,
        )
    return password


def _is_guessable(password: str, username: str) -> bool:
    letters = "".join(character for character in password if character.isalnum())
    return (
        len(set(password)) < 5
        or username.lower() in password
        or any(password in row or letters in row for row in _ROWS)
        or any(len(letters.replace(word, "")) < 5 for word in _TRIED_FIRST if word in letters)
    )


def hashed(password: str) -> str:
    """The password as it is kept."""
    return _hasher.hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password; takes equally long if there is none."""
    try:
        return _hasher.verify(kept or _NOBODY, password) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether the hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(kept)

"""Passwords: what is accepted as one, and how one is kept so that nobody can read it back.

Hashing takes about 20 ms and 19 MiB on purpose; callers run it outside of the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chassis.errors import BadInput
from identity.sign_in.domain.guessable import SAID, Reason, why

SHORTEST, LONGEST = 10, 200

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked when nobody has the user name, so that this takes as long as a wrong password.
_NOBODY = _hasher.hash("nobody has this password")


def accepted(password: str, username: str, *, field: str, words: Iterable[str] = ()) -> str:
    """The password, if it is one that is not guessed soon by who knows these words of its owner.

    Takes some milliseconds, in the worst case half a second.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(
            f"{field} has {len(password)} characters; {SHORTEST} to {LONGEST} are needed.",
            f"{field} 有 {len(password)} 个字符，须为 {SHORTEST} 至 {LONGEST} 个。",
            field=field,
        )
    reason = _guessable(password, username, words)
    if reason is not None:
        en, zh = SAID[reason]
        raise BadInput(
            f"{field} is easy to guess: {en}. Use several unrelated words.",
            f"{field} 太容易被猜到：{zh}。请使用几个互不相关的词。",
            field=field,
            reason=reason.value,
        )
    return password


def refuse_same(kept: str, password: str, *, field: str) -> None:
    """A password that has to be changed is changed to another one."""
    if matches(kept, password):
        raise BadInput(
            f"{field} is the password that you have; choose another one.",
            f"{field} 与当前密码相同，请换一个。",
            field=field,
        )


def _guessable(password: str, username: str, words: Iterable[str]) -> Reason | None:
    name = username.strip().lower()
    if name and name in password.lower():
        return Reason.PERSONAL
    return why(password, (username, *words))


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

"""Failures by what the engine does next: try again, give up, or set one record aside."""

from __future__ import annotations


class Failure(Exception):
    """A failure at a source; `code` is stable, the texts are for people."""

    def __init__(
        self, code: str, en: str, zh: str, *, fix_en: str | None = None, fix_zh: str | None = None
    ) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.en = en
        self.zh = zh
        self.fix_en = fix_en
        self.fix_zh = fix_zh


class Retry(Failure):
    """The same call may succeed later; `after` is the wait the source asked for, in seconds."""

    def __init__(
        self,
        code: str,
        en: str,
        zh: str,
        *,
        after: float | None = None,
        fix_en: str | None = None,
        fix_zh: str | None = None,
    ) -> None:
        super().__init__(code, en, zh, fix_en=fix_en, fix_zh=fix_zh)
        self.after = after


class Expired(Retry):
    """The source does not accept the token any more: sign in again once and repeat at once."""


class Fatal(Failure):
    """A repetition fails too; a person must change something."""


class Skip(Failure):
    """One record cannot be used; the others can."""

"""Failures sorted by what the engine must do next: wait, give up, or leave one record aside."""

from __future__ import annotations


class Failure(Exception):
    """Something went wrong between us and a source; `code` is stable, the texts are for people."""

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
    """The same call may succeed later; `after` is what the source asked for, in seconds."""

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
    """The source no longer knows our token: sign in again once, then try again at once."""


class Fatal(Failure):
    """No repetition helps; a person must change something."""


class Skip(Failure):
    """This one record cannot be used; the others can."""

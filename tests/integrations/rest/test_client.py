"""The generic reader against every way of paging and signing in."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.contract import Access, Cursor, Failure, Fatal, Page
from integrations.rest import client
from integrations.rest.limits import NoBudget
from integrations.specs.domain import spec as specs
from tests.integrations.source import FakeSource, a_spec, throttled


def read(
    spec: dict[str, Any], cursor: Cursor | None = None, **credentials: str
) -> tuple[list[Page], Access]:
    access = Access({"token": "t0"} | credentials, NoBudget(), allow_private_hosts=True)
    found = specs.read(spec)
    return list(client.pages(found, access, found.streams[0], cursor or Cursor())), access


PAGERS: dict[str, dict[str, Any]] = {
    "page": {"request": {"path": "/customers"}},
    "last_id": {
        "request": {"path": "/keyset"},
        "pager": {"type": "last_id", "param": "after", "size_param": "size", "size": 100},
    },
    "cursor": {
        "request": {"path": "/cursor"},
        "pager": {"type": "cursor", "param": "cursor", "next_path": "data.next"},
    },
    "link": {"request": {"path": "/link"}, "pager": {"type": "link"}},
    "none": {
        "request": {"path": "/customers", "query": {"size": 1000}},
        "pager": {"type": "none"},
    },
}


@pytest.mark.parametrize("pager", PAGERS)
@pytest.mark.parametrize("count", [0, 1, 250])
def test_every_pager_reads_everything_once_and_goes_on_from_any_page(
    source: FakeSource, source_url: str, pager: str, count: int
) -> None:
    source.fill(count)
    spec = a_spec(source_url, stream=PAGERS[pager])

    pages, _ = read(spec)

    ids = [record["id"] for page in pages for record in page.records]
    assert ids == list(range(1, count + 1))
    for number, page in enumerate(pages[:-1]):
        rest, _ = read(spec, Cursor(position=page.next))
        assert [each.records for each in rest] == [each.records for each in pages[number + 1 :]]


@pytest.mark.parametrize("pager", ["page", "cursor"])
def test_a_circle_is_an_error(source: FakeSource, source_url: str, pager: str) -> None:
    source.fill(250)
    source.loop = True

    with pytest.raises(Fatal) as failed:
        read(a_spec(source_url, stream=PAGERS[pager]))

    assert failed.value.code == "LOOP"


def test_append_only_goes_on_after_the_last_id(source: FakeSource, source_url: str) -> None:
    source.fill(120)
    spec = a_spec(source_url, stream=PAGERS["last_id"] | {"cursor": {"mode": "append_only_id"}})
    pages, _ = read(spec)
    mark = pages[-1].watermark
    source.fill(3, start=121)

    news, _ = read(spec, Cursor(since=mark))
    nothing, _ = read(spec, Cursor(since=news[-1].watermark))

    assert [record["id"] for record in news[0].records] == [121, 122, 123]
    assert (nothing[0].records, nothing[0].watermark) == ((), 123)


def test_asks_for_changes_a_little_before_the_last_run(source: FakeSource, source_url: str) -> None:
    read(a_spec(source_url), Cursor(since="2026-05-01T00:10:00+00:00"))

    assert source.journal[0]["updated_since"] == "2026-05-01T00:09:00Z"


@pytest.mark.parametrize(
    ("auth", "credentials"),
    [
        ({"scheme": "bearer", "token": "{credentials.token}"}, {}),
        ({"scheme": "header", "name": "Authorization", "value": "Bearer {credentials.token}"}, {}),
        (
            {
                "scheme": "oauth2_cc",
                "token_path_url": "/oauth",
                "client_id": "me",
                "client_secret": "{credentials.secret}",
            },
            {"secret": "s"},
        ),
    ],
)
def test_signs_in(
    source: FakeSource, source_url: str, auth: dict[str, Any], credentials: dict[str, str]
) -> None:
    source.fill(3)

    pages, access = read(a_spec(source_url, auth=auth), None, **credentials)

    assert len(pages[0].records) == 3
    assert access.calls == len(source.journal) + source.logins


def test_a_wrong_token_is_tried_once_and_named(source: FakeSource, source_url: str) -> None:
    with pytest.raises(Failure) as failed:
        read(a_spec(source_url), token="wrong")

    assert failed.value.code == "SIGN_IN_REFUSED"
    assert len(source.journal) == 1
    assert "wrong" not in str(failed.value)


def test_a_credential_the_spec_speaks_of_must_be_there(source: FakeSource, source_url: str) -> None:
    with pytest.raises(Fatal) as failed:
        read(a_spec(source_url, auth={"scheme": "bearer", "token": "{credentials.other}"}))

    assert failed.value.code == "NO_CREDENTIAL"


def test_honours_retry_after(source: FakeSource, source_url: str) -> None:
    import time

    source.fill(1)
    source.faults[1] = throttled("1")
    started = time.monotonic()

    _, access = read(a_spec(source_url))

    assert time.monotonic() - started >= 1.0
    assert (access.calls, access.retries) == (2, 1)

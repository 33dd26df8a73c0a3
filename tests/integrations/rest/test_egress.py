"""The one way out: where it leads and where it does not."""

from __future__ import annotations

import pytest

from integrations.contract import Failure
from integrations.rest.egress import Egress
from integrations.rest.network import is_public
from tests.integrations.source import FakeSource


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
    ],
)
def test_addresses_of_machines_and_houses_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_addresses_of_the_open_network_are() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001"])
def test_however_a_private_address_is_written_nobody_is_called(
    source: FakeSource, source_url: str, host: str
) -> None:
    port = source_url.rsplit(":", 1)[1]

    with pytest.raises(Failure) as failed:
        Egress(f"http://{host}:{port}").send("GET", "/customers")

    assert failed.value.code in ("PRIVATE_HOST", "NO_SUCH_HOST")
    assert source.journal == []


def test_a_redirect_to_another_host_is_not_followed(source_url: str) -> None:
    with pytest.raises(Failure) as failed:
        Egress(source_url, allow_private_hosts=True).send("GET", "/elsewhere")

    assert failed.value.code == "OTHER_HOST"
    assert failed.value.fix_en


def test_a_redirect_on_the_same_host_is_followed(source: FakeSource, source_url: str) -> None:
    answer = Egress(source_url, allow_private_hosts=True).send(
        "GET", "/here", headers={"Authorization": "Bearer t0"}
    )

    assert answer.status == 200
    assert len(source.journal) == 1


def test_a_link_to_another_host_is_not_followed(source_url: str) -> None:
    with pytest.raises(Failure) as failed:
        Egress(source_url, allow_private_hosts=True).send("GET", "http://elsewhere.example/x")

    assert failed.value.code == "OTHER_HOST"


def test_an_answer_without_end_is_cut_off(source_url: str) -> None:
    with pytest.raises(Failure) as failed:
        Egress(source_url, allow_private_hosts=True, max_bytes=1_000_000).send("GET", "/big")

    assert failed.value.code == "TOO_LARGE"


def test_a_closed_port_and_an_unknown_name_can_be_tried_again() -> None:
    for url, codes in (
        ("http://127.0.0.1:9", {"NO_CONNECTION"}),
        ("http://no-such-host.invalid", {"NO_SUCH_HOST"}),
    ):
        with pytest.raises(Failure) as failed:
            Egress(url, allow_private_hosts=True, timeout=3).send("GET", "/")

        assert failed.value.code in codes

"""The containers are held to the code without an engine."""

from __future__ import annotations

import re
import socketserver
import threading
from pathlib import Path

import pytest
import requests

from onebox.containers import compose, forward


def test_finds_nothing_the_code_does_not_understand() -> None:
    assert list(compose.check()) == []


def test_names_a_setting_a_container_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(compose.FILE.read_text().replace("HUICHI_IDENTITY_SECRET:", "HUICHI_SECRE:"))
    monkeypatch.setattr(compose, "FILE", broken)

    found = list(compose.check())

    assert len(found) == 3
    assert all("HUICHI_IDENTITY_SECRET" in problem for problem in found)


def test_names_a_variable_nobody_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(compose.FILE.read_text().replace("${IDENTITY_SECRET:", "${IDENTITY_SECRT:"))
    monkeypatch.setattr(compose, "FILE", broken)

    found = list(compose.check())

    assert (
        "docker-compose.yml needs IDENTITY_SECRT, which `make compose-env` does not write" in found
    )
    assert (
        "`make compose-env` writes IDENTITY_SECRET, which docker-compose.yml does not use" in found
    )


def test_writes_secrets_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("PORT=9600\nVALKEY_PASSWORD=mine")

    compose.write_env(path)
    first = path.read_text()
    compose.write_env(path)

    assert path.read_text() == first
    assert first.startswith("PORT=9600\nVALKEY_PASSWORD=mine\n")
    assert set(re.findall(r"^(\w+)=.+$", first, re.MULTILINE)) == {"PORT", *compose.VARIABLES}
    assert path.stat().st_mode & 0o777 == 0o600


def test_bakes_no_secret_into_the_file() -> None:
    text = compose.FILE.read_text()

    defaults = re.findall(r"(?:PASSWORD|SECRET|KEY):-", text)

    assert defaults == []


def test_forwards_both_ways() -> None:
    class Shout(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Shout) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"

        with forward.reachable(url, "127.0.0.1") as other:
            assert other != url
            assert requests.get(other, timeout=5).text == "hello"

        server.shutdown()

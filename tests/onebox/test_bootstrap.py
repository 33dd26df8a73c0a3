"""What a bare machine meets first: stamps that know a change,
and the user's own package settings."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "deploy" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    locks = {kind: tmp_path / f"{kind}.lock" for kind in ("runtime", "dev")}
    for lock in locks.values():
        lock.write_text("some==1\n")
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(module, "LOCKS", locks)
    monkeypatch.setattr(module, "VENV", tmp_path / "venv")
    return module


def test_is_current_until_a_lock_changes(bootstrap: ModuleType) -> None:
    assert not bootstrap.is_current("runtime")

    bootstrap._stamp("runtime").write_text(bootstrap._key("runtime"))
    assert bootstrap.is_current("runtime")
    assert not bootstrap.is_current("dev")

    bootstrap.LOCKS["runtime"].write_text("some==2\n")
    assert not bootstrap.is_current("runtime")


def test_lets_the_developers_environment_serve_the_runtime(bootstrap: ModuleType) -> None:
    bootstrap._stamp("dev").write_text(bootstrap._key("dev"))

    assert bootstrap.is_current("dev")
    assert bootstrap.is_current("runtime")


def test_hands_pips_mirror_to_uv_unless_uv_has_its_own(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = "https://mirror.example/simple"
    monkeypatch.setattr(bootstrap, "pip_settings", lambda: {"index-url": mirror, "cert": "/ca.pem"})
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)

    given = bootstrap.uv_environment()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    own = bootstrap.uv_environment()

    assert (given["UV_DEFAULT_INDEX"], given["SSL_CERT_FILE"]) == (mirror, "/ca.pem")
    assert given["UV_PYTHON_DOWNLOADS"] == "never"
    assert own["UV_DEFAULT_INDEX"] == "https://uv.example/simple"


def test_locks_name_no_index_and_hash_every_package() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "deploy/bootstrap.lock"):
        text = (ROOT / name).read_text()
        pinned = re.findall(r"^([\w.-]+)==.*(?:\\\n(?:\s+--hash=.*\n?)+)", text, re.MULTILINE)

        assert "://" not in text
        assert len(pinned) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) > 0


def test_says_which_python_is_missing() -> None:
    words = ["make", "--no-print-directory", "runtime", "PYTHON="]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout + done.stderr


def test_chooses_a_python_that_is_new_enough() -> None:
    words = ["make", "--no-print-directory", "--dry-run", "runtime"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHON"}

    printed = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    chosen = printed.partition(" deploy/bootstrap.py runtime")[0].split()[-1]

    version = subprocess.run(
        [chosen, "-c", "import sys; print(sys.version_info >= (3, 11))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert version == "True\n"

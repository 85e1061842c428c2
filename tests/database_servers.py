"""A PostgreSQL server of the tests' own, on a socket of this machine."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

PASSWORD = "p@ss/w:rd%41?#&"  # every letter that an address must quote


def find_binaries() -> Path | None:
    """The folder of PostgreSQL's programs, newest version first."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -float(p.parent.name))
    on_path = shutil.which("initdb")
    folders += [Path(on_path).resolve().parent] if on_path else []
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server that asks for a password; its address, with `${JAXMARGIN_TEST_PASSWORD}`.

    The server refuses to run as root, which starts it as `postgres` or `nobody`.
    """
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL on this machine: initdb and postgres are not there")
    folder = Path(tempfile.mkdtemp(prefix="jaxmargin-pg-"))  # pytest's own is closed to others
    settings = {}
    if os.geteuid() == 0:
        settings = {"user": _ordinary_user(), "extra_groups": []}
        shutil.chown(folder, settings["user"])
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = subprocess.run(
        [
            binaries / "initdb", "-D", folder / "data", "-U", "risk", "-A", "scram-sha-256",
            "--pwfile", folder / "password", "-E", "UTF8", "--locale", "C", "--no-sync",
        ],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False, **settings,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    server = subprocess.Popen(
        [
            binaries / "postgres", "-D", folder / "data", "-k", folder, "-p", str(port),
            "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
        ],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **settings,
    )  # fmt: skip
    try:
        _wait_for(port, server)
        yield f"postgresql+psycopg://risk:${{JAXMARGIN_TEST_PASSWORD}}@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(2)  # ends sessions, then itself
        server.wait(timeout=60)
        shutil.rmtree(folder)


def connect(url: str, **settings) -> psycopg.Connection:
    """A connection of the test's own to the server at an address of `postgres_server`."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    given = {"user": "risk", "password": PASSWORD} | settings
    return psycopg.connect(host="127.0.0.1", port=port, dbname="postgres", **given)


def _wait_for(port: int, server: subprocess.Popen) -> None:
    end = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < end:
        try:
            connect(f":{port}/").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def _ordinary_user() -> str:
    import pwd

    names = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)

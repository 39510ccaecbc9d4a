"""Debian's TURN server, with a shared secret, for this machine alone."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SECRET = "north wind"
PROGRAM = shutil.which("turnserver")
MISSING = "no TURN server: `apt-get install coturn` brings turnserver"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def turn_server(folder: Path) -> Iterator[int]:
    """A TURN server that keeps its files in a folder; the port it listens on."""
    port = free_port()
    assert PROGRAM is not None
    with subprocess.Popen(
        [
            PROGRAM,
            "-n",
            "--listening-ip=127.0.0.1",
            "--relay-ip=127.0.0.1",
            f"--listening-port={port}",
            "--realm=tests.example",
            "--use-auth-secret",
            f"--static-auth-secret={SECRET}",
            # Else it relays to no address of this machine.
            "--allow-loopback-peers",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
            f"--pidfile={folder / 'pid'}",
            f"--userdb={folder / 'users'}",
            "--log-file=stdout",
            "--simple-log",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    ) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until the TURN server takes connections."""
    for _ in range(200):
        assert process.poll() is None, "turnserver ended at once"
        with socket.socket() as probe:
            probe.settimeout(0.1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("turnserver does not listen")

"""Emulators as processes of a test run: on 127.0.0.1, and gone when the run is over."""

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

PARENT_VARIABLE = "SHAREKEEP_TEST_PARENT"
START_SECONDS = 120
STOP_SECONDS = 15


def start(command: list, environment: dict[str, str], log: Path) -> subprocess.Popen:
    """Starts one that ends with this process."""
    environment = {**environment, PARENT_VARIABLE: str(os.getpid())}
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own: an interrupt at the terminal is ours to pass on.
            start_new_session=True,
        )


def end_with(parent: int) -> None:
    """In the emulator: an orphan would hold its port and its memory for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def wait_for(emulator: subprocess.Popen, health: str, log: Path) -> None:
    """Returns when the address answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if emulator.poll() is not None:
            raise SystemExit(f"the emulator ended at once:\n{tail(log)}")
        try:
            with urllib.request.urlopen(health, timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"the emulator did not answer within {START_SECONDS} s:\n{tail(log)}")


def stop(emulator: subprocess.Popen) -> None:
    """Ends it with everything it started."""
    emulator.terminate()
    try:
        emulator.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(emulator.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    emulator.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-60:])


def say(what: str, started: float) -> None:
    print(f"[{time.monotonic() - started:5.1f} s] {what}", flush=True)

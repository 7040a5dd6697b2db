"""Runs a command beside an emulated AWS in which nothing is deployed yet, and which runs functions:

    python with_whole_aws.py COMMAND...

The command finds it by AWS_ENDPOINT_URL, as the functions do. It listens on 127.0.0.1 only.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import processes

HERE = Path(__file__).parent
# As in py.
REGION, SERVICE = "eu-central-1", "111111111111"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="sharekeep-whole-") as scratch:
        folder = Path(scratch)
        port = processes.free_port()
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        log = folder / "log"
        started = time.monotonic()
        emulator = start(folder, port, environment, log)
        try:
            processes.wait_for(emulator, f"http://127.0.0.1:{port}/_ministack/health", log)
            processes.say(f"the emulator answers on 127.0.0.1:{port}", started)
            code = subprocess.run(sys.argv[1:], env=environment, cwd=HERE).returncode
            if code != 0:
                print(processes.tail(log), file=sys.stderr)
            return code
        finally:
            processes.stop(emulator)


def start(folder: Path, port: int, environment: dict[str, str], log: Path) -> subprocess.Popen:
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # Whose API is called when a request carries no credentials: its callers have none.
        "MINISTACK_ACCOUNT_ID": SERVICE,
        "MINISTACK_REGION": REGION,
        # As processes, not in containers; and no servers beside the port.
        "LAMBDA_EXECUTOR": "local",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PYTHONPATH": str(HERE),
        "TMPDIR": str(folder),
    }
    program = HERE / "whole/emulator.py"
    return processes.start([sys.executable, program], {**environment, **settings}, log)


if __name__ == "__main__":
    sys.exit(main())

"""Runs commands beside an emulated AWS that holds the product's tables and key:

    python with_aws.py CACHE COMMAND... [--then COMMAND...]...

The commands find the emulator by AWS_ENDPOINT_URL, which AWS's own SDKs read too. Everything listens on
127.0.0.1 and is ended with the last command, or the first that fails.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import deployment
import nitro
import processes
from dynamodb import install
from processes import say, stop, tail, wait_for

HERE = Path(__file__).parent
SERVICES = "kms,dynamodb,dynamodbstreams,cloudformation,iam,s3,ssm,sts"
PREFIX = "sharekeep-test-"
# The deployment that the key is for, and the image that may use it.
DEPLOYMENT = "emulated"
IMAGE = {number: bytes([number + 1]) * 48 for number in range(3)}


def main() -> int:
    cache, *words = sys.argv[1:]
    commands = [list(g) for then, g in itertools.groupby(words, "--then".__eq__) if not then]
    with tempfile.TemporaryDirectory(prefix="sharekeep-aws-") as scratch:
        folder = Path(scratch)
        roots = folder / "roots"
        roots.mkdir()
        busy = folder / "busy"
        busy.mkdir()
        nitro.Authority.root().save(roots)
        port = processes.free_port()
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": deployment.REGION,
            "AWS_ACCESS_KEY_ID": deployment.SERVICE,
            "AWS_SECRET_ACCESS_KEY": "test",
            "SHAREKEEP_TABLE_PREFIX": PREFIX,
            "SHAREKEEP_TEST_KMS_BUSY": str(busy),
            "SHAREKEEP_TEST_NSM_ROOTS": str(roots),
            "SHAREKEEP_TEST_PYTHON": sys.executable,
        }
        os.environ.update(environment)
        log = folder / "log"
        started = time.monotonic()
        emulator = start(folder, log, port, install.installed(Path(cache).resolve()), environment)
        try:
            wait_for(emulator, f"http://127.0.0.1:{port}/_localstack/health", log)
            say(f"the emulator answers on 127.0.0.1:{port}", started)
            environment |= deploy(folder)
            say("tables, buckets and the key are deployed", started)
            environment["SHAREKEEP_TEST_EMULATOR"] = str(emulator.pid)
            for command in commands:
                code = subprocess.run(command, env=environment, cwd=HERE).returncode
                if code != 0:
                    print(tail(log), file=sys.stderr)
                    return code
            return 0
        finally:
            stop(emulator)


def deploy(folder: Path) -> dict[str, str]:
    """Makes what a deployment has, and returns how to find it."""
    deployment.deploy("storage.yaml", "storage", deployment.SERVICE, Prefix=PREFIX)
    image = deployment.image_parameters(IMAGE)
    key = deployment.deploy_key(DEPLOYMENT, EnclaveHostRoleArn=deployment.HOSTS, **image)
    # For the enclave's own KMS client in the tests, in place of a host that hands them out.
    credentials = folder / "host-credentials.json"
    credentials.write_text(json.dumps(deployment.host_credentials()))
    return {
        "SHAREKEEP_TEST_DEPLOYMENT": DEPLOYMENT,
        "SHAREKEEP_TEST_KEY_ARN": key,
        "SHAREKEEP_TEST_HOST_CREDENTIALS": str(credentials),
    }


def start(folder: Path, log: Path, port: int, dynamodb: Path, environment) -> subprocess.Popen:
    environment = {
        **environment,
        "PYTHONPATH": str(HERE),
        "SHAREKEEP_TEST_DYNAMODB": str(dynamodb),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        "FILESYSTEM_ROOT": str(folder / "files"),
        "OVERRIDE_IN_DOCKER": "0",
        # Nothing is fetched, reported or served beyond the port.
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "DNS_ADDRESS": "0",
        "SERVICES": SERVICES,
        "EAGER_SERVICE_LOADING": "1",
        "DYNAMODB_IN_MEMORY": "1",
        "PROVIDER_OVERRIDE_DYNAMODB": "v2",
    }
    # Whom it answers is decided by the caller's own keys, never by ours.
    for name in ("AWS_ENDPOINT_URL", "LOCALSTACK_AUTH_TOKEN"):
        environment.pop(name, None)
    return processes.start([sys.executable, HERE / "emulator.py"], environment, log)


if __name__ == "__main__":
    sys.exit(main())

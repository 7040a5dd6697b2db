"""What tests of the product ask of the emulated AWS beyond the product's own calls:

    python at_aws.py deploy NAME PCR0 PCR1 PCR2     tables and a key of their own; prints how to use them
    python at_aws.py disable|enable KEY             as the break-glass role
    python at_aws.py throttle|relieve KEY           whoever uses it is told to come back later
"""

import json
import os
import sys
from pathlib import Path

import deployment


def deploy(name: str, *pcrs: str) -> None:
    deployment.deploy("storage.yaml", f"{name}-storage", deployment.SERVICE, Prefix=f"{name}-")
    image = deployment.image_parameters(dict(enumerate(map(bytes.fromhex, pcrs))))
    key = deployment.deploy_key(name, EnclaveHostRoleArn=deployment.HOSTS, **image)
    print(json.dumps({"key_arn": key, "host_credentials": deployment.host_credentials()}))


def disable(key: str) -> None:
    keepers().disable_key(KeyId=key)


def enable(key: str) -> None:
    keepers().enable_key(KeyId=key)


def throttle(key: str) -> None:
    busy(key).touch()


def relieve(key: str) -> None:
    busy(key).unlink()


def keepers():
    return deployment.client("kms", deployment.KEYS, deployment.BREAK_GLASS)


def busy(key: str) -> Path:
    return Path(os.environ["SHAREKEEP_TEST_KMS_BUSY"]) / key.rpartition("/")[2]


if __name__ == "__main__":
    tasks = {task.__name__: task for task in (deploy, disable, enable, throttle, relieve)}
    tasks[sys.argv[1]](*sys.argv[2:])

"""A deployment as an operator has it: a settings file, credentials, and things that were built."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

import boto3

from operate import deploy, destroy, fleet, release, stacks
from operate.accounts import Accounts
from operate.agreement import Agreement
from operate.deploy import Deployment
from operate.release import FUNCTION_FILES
from operate.settings import read
from operate.stacks import TEMPLATES

REGION = "eu-central-1"
SERVICE, KEYS = "111111111111", "222222222222"
BREAK_GLASS = f"arn:aws:iam::{KEYS}:role/break-glass"
AUDIT = f"arn:aws:iam::{KEYS}:role/audit"
# An emulator is ready at once.
stacks.POLL_SECONDS = fleet.POLL_SECONDS = 0.1
# In place of `sharekeep-image verify`: a stand-in for an image measures what its manifest says.
MEASURES = """
import json, sys
found = json.load(open(sys.argv[3]))["measurements"]
print("\\n".join(f"{name}: {pcr}" for name, pcr in found.items()))
"""
release.IMAGE_PROGRAM = [sys.executable, "-c", MEASURES]


def image(seed: int) -> dict[int, bytes]:
    """Measurements of an image that `seed` stands for."""
    return {number: bytes([seed, number] * 24) for number in range(3)}


class Operator:
    """Works in a folder of its own, on one deployment."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name = folder, name
        self.extra = ""
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "aws-config"
        config.write_text(
            f"[profile service]\naws_access_key_id = {SERVICE}\naws_secret_access_key = test\n"
            f"[profile keys]\nrole_arn = {BREAK_GLASS}\nsource_profile = people\n"
            f"[profile people]\naws_access_key_id = {KEYS}\naws_secret_access_key = test\n"
            f"region = {REGION}\n"
        )
        os.environ["AWS_CONFIG_FILE"] = str(config)
        self.write()

    @property
    def settings(self) -> Path:
        return self.folder / f"{self.name}.toml"

    def write(self) -> None:
        """The settings file; `extra` comes last."""
        self.settings.write_text(
            f'name = "{self.name}"\nregion = "{REGION}"\narchitecture = "x86_64"\n'
            f'alarm_topic = "arn:aws:sns:{REGION}:{SERVICE}:on-call"\n'
            f'accounts.service = {{id = "{SERVICE}", profile = "service"}}\n'
            f'accounts.keys = {{id = "{KEYS}", profile = "keys"}}\n'
            f'key = {{break_glass_role = "{BREAK_GLASS}", audit_role = "{AUDIT}"}}\n{self.extra}'
        )

    def has_image(self, seed: int, **more: str) -> None:
        """Names an image in the settings, as if it had been built."""
        pcrs = {f"PCR{number}": pcr.hex() for number, pcr in image(seed).items()}
        trust = b"trust configuration"
        inputs = {"trust": hashlib.sha256(trust).hexdigest()}
        manifest = {"measurements": pcrs, "source": "0" * 40, "inputs": inputs}
        for name, content in {
            "enclave.eif": b"image %d" % seed,
            "pcrs.json": json.dumps({"Measurements": pcrs}).encode(),
            "manifest.json": json.dumps(manifest).encode(),
            "trust.cbor": trust,
        }.items():
            (self.folder / name).write_bytes(content)
        self.takes_image("enclave.eif", "pcrs.json", "manifest.json", **more)

    def takes_image(self, file: str, measurements: str, manifest: str, **more: str) -> None:
        """Names files of the folder in the settings."""
        self.extra = (
            f'[image]\nfile = "{file}"\nmeasurements = "{measurements}"\n'
            f'manifest = "{manifest}"\ntrust = "trust.cbor"\n'
        )
        self.extra += "".join(f"[parameters.{it}]\n{text}\n" for it, text in more.items())
        self.write()

    def has_built(self, programs: Path | None = None) -> Path:
        """What `./dev build` would have made: of the programs in a folder, or of stand-ins."""
        built = self.folder / "built"
        names = {
            it
            for path in TEMPLATES.glob("*.yaml")
            for it in FUNCTION_FILES.findall(path.read_text())
        }
        for name in names:
            program = stripped(programs / name) if programs else name.encode()
            package = built / "lambda/x86_64" / name / "bootstrap.zip"
            package.parent.mkdir(parents=True, exist_ok=True)
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr("bootstrap", program)
            package.write_bytes(packed.getvalue())
        host = built / "host/x86_64/enclave-host/bootstrap"
        host.parent.mkdir(parents=True, exist_ok=True)
        host.write_bytes(b"host")
        return built

    def deploy(self, *words: str) -> int:
        """Runs infra/deploy; returns its exit code."""
        return deploy.main([str(self.settings), *words])

    def destroy(self, *words: str, typed: str | None = None) -> int:
        """Runs infra/destroy, at a terminal if something is typed."""
        with mock.patch.object(destroy, "answer", lambda _: typed):
            return destroy.main([str(self.settings), *words])

    def deployment(self, **how) -> Deployment:
        """For single steps of infra/deploy."""
        settings = read(self.settings)
        return Deployment(settings, Accounts(settings), Agreement(always=True), **how)


def stripped(program: Path) -> bytes:
    """A program as `./dev build lambdas` makes it: what debuggers need is a multiple of the rest."""
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["strip", "-o", file.name, program], check=True)
        return Path(file.name).read_bytes()


def client(service: str, account: str):
    """As an account's root."""
    return boto3.client(
        service, region_name=REGION, aws_access_key_id=account, aws_secret_access_key="test"
    )

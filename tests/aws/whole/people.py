"""Who stands behind an image: signers with keys of their own, all by the product's programs."""

import json
import os
import subprocess
from pathlib import Path

import deploying

SIGNERS = ("anna", "ben")


class People:
    """Of one deployment whose key is there, in the operator's folder."""

    def __init__(self, programs: Path, operator: deploying.Operator):
        self.programs, self.operator = programs, operator
        (operator.folder / "passphrase").write_text("correct horse\n")
        (operator.folder / "passphrase").chmod(0o600)
        public = {
            name: self.run("key", "new", use, f"{name}.age", f"--name={name}")["public_key"]
            for name, use in (("operator", "operator"), *((it, "release") for it in SIGNERS))
        }
        key = operator.deployment().stacks("keys").find("key").outputs["KeyArn"]
        self.run(
            *("trust", "new", "trust.cbor", f"--deployment={operator.name}"),
            *(f"--release-key={public[it]}" for it in SIGNERS),
            *(f"--operator-key={public['operator']}", f"--kms-key-arn={key}"),
            *("--release-threshold=2", "--egress=login.example:443"),
        )

    def build(self, seed: int) -> None:
        """An image of its own, with something in place of kernel and program, named in the settings."""
        folder = self.operator.folder
        (folder / "kernel").write_bytes(b"kernel")
        (folder / "program").write_bytes(b"\x7fELF %d" % seed)
        parts = (f"--{it}={folder / it}" for it in ("kernel", "program"))
        trust, out = f"--trust={folder / 'trust.cbor'}", f"--out={folder / str(seed)}"
        words = [self.programs / "sharekeep-image", "make", *parts, trust, "--source=test", out]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        files = ("enclave.eif", "enclave.pcrs.json", "enclave.manifest.json")
        self.operator.takes_image(*(f"{seed}/{it}" for it in files))

    def release(self, version: int) -> None:
        """Signs for the image that was built of this seed, beside those before; nobody sees it yet."""
        proposed, signed = f"{version}.json", f"{version}.signed.json"
        manifest = f"--manifest={version}/enclave.manifest.json"
        before = "--first" if version == 1 else "--after=1.signed.json"
        held_against = (manifest, before, "--trust=trust.cbor")
        said = (f"--release-version={version}", "--minimum-version=1")
        self.run("release", "new", proposed, *said, *held_against)
        parts = [f"{version}.{it}.json" for it in SIGNERS]
        for name, part in zip(SIGNERS, parts, strict=True):
            given = (f"--key={name}.age", f"--out={part}")
            self.run("release", "sign", proposed, *given, *held_against)
        self.run("release", "combine", *parts, f"--out={signed}")

    def publish(self, *versions: int) -> None:
        """In place of what clients were handed before."""
        files = [f"{it}.signed.json" for it in versions]
        prefix = f"--table-prefix={self.operator.name}-"
        self.run("release", "publish", *files, prefix, "--trust=trust.cbor")

    def run(self, *words: str) -> dict:
        around = {**os.environ, "AWS_PROFILE": "service", "AWS_REGION": deploying.REGION}
        program = [self.programs / "sharekeep-operator", "--json", "--passphrase-file=passphrase"]
        answer = subprocess.run(
            [*program, *words], cwd=self.operator.folder, env=around, stdout=subprocess.PIPE, text=True
        )
        if answer.returncode != 0:
            raise AssertionError(f"{words[:2]}: {answer.stdout}")
        return json.loads(answer.stdout)

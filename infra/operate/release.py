"""What is built, and its way into the artifact bucket.

A release is a folder named by its content, so a run that is repeated finds what it uploaded before, and
a stack names exactly what it runs. Functions and hosts have one each: a change of a function must not
replace hosts.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from botocore.exceptions import ClientError

from operate import Refused
from operate.agreement import say
from operate.settings import PCRS, Image

ROOT = Path(__file__).resolve().parents[2]
IMAGE_PROGRAM = ["cargo", "run", "--locked", "--quiet", "-p", "sharekeep-image", "--"]
# How a manifest calls a source that is in no commit (crates/tools/src/image).
CHANGED = ", changed"
# The earliest time that a zip file can name; a real one would make every build another release.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
FUNCTION_FILES = re.compile(r"\$\{Release\}/([a-z]+)\.zip")


@dataclass(frozen=True)
class Release:
    """Files by name, and the folder they belong into. A program called `….zip` is packed on its way."""

    kind: str
    files: dict[str, bytes]

    def digest(self, name: str) -> str:
        """SHA-256 of a file; of one that is packed, of the program in it."""
        return sha256(self.files[name])

    @property
    def folder(self) -> str:
        lines = "".join(f"{self.digest(name)}  {name}\n" for name in sorted(self.files))
        return f"{self.kind}-{sha256(lines.encode())[:32]}"

    def upload(self, s3, bucket: str) -> None:
        """Puts what is not there yet. The bucket's lock keeps what was put."""
        for name, program in self.files.items():
            key = f"{self.folder}/{name}"
            if _is_there(s3, bucket, key):
                continue
            content = zipped(program) if name.endswith(".zip") else program
            say(f"  uploads {key} ({len(content) / 1e6:.1f} MB)")
            s3.put_object(Bucket=bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256")


def build() -> Path:
    """Builds functions and the host's program by `./dev`; returns cargo's folder."""
    for target in ("lambdas", "host"):
        _dev_build(target)
    return _cargo_folder()


def image(wanted: Image, of_changed_source: bool = False) -> Image:
    """An image that is there: built by `./dev` if the settings name none, and the one of its manifest."""
    if wanted.file is None:
        _dev_build("enclave", "--trust", str(wanted.trust))
        made = _cargo_folder() / "enclave"
        wanted = replace(
            wanted,
            file=made / "enclave.eif",
            measurements=made / "enclave.pcrs.json",
            manifest=made / "enclave.manifest.json",
        )
    words = [*IMAGE_PROGRAM, "verify", str(wanted.file), str(wanted.manifest)]
    say("$ " + " ".join(words))
    answer = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if answer.returncode != 0:
        raise Refused(f"{wanted.file} is not the image of {wanted.manifest}")
    lines = zip(PCRS, wanted.pcrs, strict=True)
    if answer.stdout.split("\n")[:-1] != [f"{name}: {pcr}" for name, pcr in lines]:
        raise Refused(f"{wanted.measurements} are not the measurements of {wanted.file}")
    # As it was just verified by, so it is one.
    manifest = json.loads(_read(wanted.manifest))
    if manifest["inputs"].get("trust") != sha256(_read(wanted.trust)):
        raise Refused(f"{wanted.trust} is not the trust configuration of {wanted.manifest}")
    if manifest["source"].endswith(CHANGED) and not of_changed_source:
        raise Refused(
            f"{wanted.file} is of a source that was not committed: nobody can build it again. "
            "Commit and build it anew, or give --without-release"
        )
    return wanted


def _dev_build(*words: str) -> None:
    say("$ ./dev build " + " ".join(words))
    if subprocess.run([ROOT / "dev", "build", *words], cwd=ROOT).returncode != 0:
        raise Refused(f"`./dev build {words[0]}` failed")


def _cargo_folder() -> Path:
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def functions(built: Path, architecture: str, templates: Path) -> Release:
    """A zip file for every function that a template names."""
    texts = [path.read_text() for path in templates.glob("*.yaml")]
    named = sorted({name for text in texts for name in FUNCTION_FILES.findall(text)})
    files = {}
    for name in named:
        package = built / "lambda" / architecture / name / "bootstrap.zip"
        try:
            with zipfile.ZipFile(package) as archive:
                files[f"{name}.zip"] = archive.read("bootstrap")
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise Refused(
                f"{package}: not a function as `./dev build lambdas` makes it: {error}"
            ) from error
    return Release("functions", files)


def hosts(built: Path, architecture: str, image: Image) -> Release:
    """The enclave image, and the host's program."""
    program = built / "host" / architecture / "enclave-host/bootstrap"
    return Release("hosts", {"enclave.eif": _read(image.file), "enclave-host": _read(program)})


def zipped(program: bytes) -> bytes:
    """A deployment package: one executable called bootstrap, the same bytes for the same program."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("bootstrap", ZIP_TIME)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = 3
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, program)
    return packed.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from error


def _is_there(s3, bucket: str, key: str) -> bool:
    """An object is there whole or not at all."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise

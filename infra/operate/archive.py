"""Reads what the janitor wrote: committed changes of tables, out of the locked bucket.

functions/src/archive says what objects and lines look like. Believes an object only under the name that
its bytes have, and a line only if all of it is as it must be. Anything else is passed over whole and named:
whoever can write to the bucket can leave there what nobody can take away, and must not stop every restore.
"""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from botocore.exceptions import ClientError

from operate import Refused

FORMAT = 1
# As functions/src/archive/batch.rs has it.
MAX_OBJECT_BYTES = 16 * 1024 * 1024
SEQUENCE_DIGITS = 40
FIELDS = {
    "format": int,
    "stream": str,
    "sequence": str,
    "at_unix_s": int,
    "change": str,
    "expired": bool,
    "pk": str,
    "sk": str,
    "image": dict | None,
    "sha256": str | None,
    "replaced": str | None,
}
# Answers to one object only, as of one that is encrypted for somebody else.
OF_ONE_OBJECT = ("AccessDenied", "InvalidObjectState", "InvalidRequest")
CHANGES = ("INSERT", "MODIFY", "REMOVE")


@dataclass(frozen=True)
class Line:
    """One change of one row."""

    stream: str
    sequence: str
    at_unix_s: int
    change: str
    # Removed by the table's own clock.
    expired: bool
    pk: str
    sk: str
    # As DynamoDB's JSON has it; none for a removal.
    image: dict | None
    # Of this image, and of the one that it took the place of.
    sha256: str | None
    replaced: str | None

    @property
    def removal(self) -> bool:
        return self.change == "REMOVE"


def fingerprint(image: dict) -> str:
    """SHA-256 of an image's JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(image, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def to_item(image: dict) -> dict:
    """An image as boto3 takes it: bytes instead of their base64."""
    return {name: _each(value, _bytes) for name, value in image.items()}


def to_image(item: dict) -> dict:
    """What boto3 gave, as an image."""
    return {
        name: _each(value, lambda it: base64.b64encode(it).decode()) for name, value in item.items()
    }


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _each(attribute: dict, convert) -> dict:
    ((kind, value),) = attribute.items()
    if kind == "B":
        value = convert(value)
    elif kind == "BS":
        value = [convert(it) for it in value]
    elif kind == "M":
        value = {name: _each(it, convert) for name, it in value.items()}
    elif kind == "L":
        value = [_each(it, convert) for it in value]
    return {kind: value}


def parse(text: bytes) -> Line:
    """Reads one line."""
    try:
        values = json.loads(text)
        line = _line(values) if _has_fields(values) else None
        if line is not None and _is_whole(line):
            return line
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise Refused("a line of the archive is not one that the janitor writes")


def _has_fields(values: object) -> bool:
    return (
        isinstance(values, dict)
        and values.keys() == FIELDS.keys()
        and all(isinstance(values[name], kind) for name, kind in FIELDS.items())
        and values["format"] == FORMAT
    )


def _is_whole(line: Line) -> bool:
    sequence = line.sequence.isascii() and line.sequence.isdigit()
    if not sequence or len(line.sequence) > SEQUENCE_DIGITS or line.change not in CHANGES:
        return False
    if line.image is None:
        return line.removal and line.sha256 is None
    key = (line.image["pk"], line.image["sk"])
    # What boto3 will be given has to be what it takes.
    to_item(line.image)
    return (
        not line.removal
        and key == ({"S": line.pk}, {"S": line.sk})
        and fingerprint(line.image) == line.sha256
    )


def _line(values: dict) -> Line:
    return Line(**{name: value for name, value in values.items() if name != "format"})


class Bucket:
    """The objects of one bucket."""

    def __init__(self, s3, name: str):
        self.s3, self.name = s3, name

    def keys(self, table: str, since: datetime) -> dict[str, list[str]]:
        """Objects of a table from an hour on, each with its versions.

        Versions, because whoever may write to the bucket can hide an object under a newer one or
        under a marker that it was deleted, but can take nothing away.
        """
        pages = self.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.name,
            Prefix=f"{table}/",
            KeyMarker=f"{table}/{since.astimezone(UTC):%Y/%m/%d/%H}",
        )
        found: dict[str, list[str]] = {}
        for page in pages:
            for it in page.get("Versions", []):
                found.setdefault(it["Key"], []).append(it["VersionId"])
        return found

    def read(self, key: str, versions: Iterable[str]) -> list[Line]:
        """The lines of an object: of the version whose bytes it is named after."""
        named = key.rpartition("-")[2].removesuffix(".jsonl")
        for version in versions:
            body = self._body(key, version)
            if body is None:
                continue
            if len(body) <= MAX_OBJECT_BYTES and hashlib.sha256(body).hexdigest() == named:
                return [parse(line) for line in body.splitlines()]
        raise Refused(f"not what its name says: somebody altered it, in {self.name}")

    def _body(self, key: str, version: str) -> bytes | None:
        """What can be read of one version, not more than an object may have; none if nothing can."""
        try:
            answer = self.s3.get_object(Bucket=self.name, Key=key, VersionId=version)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in OF_ONE_OBJECT or code.startswith("KMS."):
                return None
            raise
        return answer["Body"].read(MAX_OBJECT_BYTES + 1)


class Spool:
    """Changes of one or more tables, in order, in a file: there may be more than memory holds.

    What is in it is sealed, as in the tables.
    """

    def __init__(self, file: Path):
        # Objects that were passed over, each with the reason.
        self.unreadable: dict[str, str] = {}
        self.file = sqlite3.connect(file)
        self.file.executescript(
            """
            CREATE TABLE line (
                tbl TEXT, pk TEXT, sk TEXT, stream TEXT, sequence TEXT, content TEXT,
                PRIMARY KEY (tbl, pk, sk, stream, sequence)) WITHOUT ROWID;
            CREATE UNIQUE INDEX change ON line (tbl, stream, sequence);
            CREATE TABLE object (name TEXT PRIMARY KEY) WITHOUT ROWID;
            """
        )

    def load(self, bucket: Bucket, prefix: str, table: str, since: datetime) -> None:
        """Adds what the archive has of a table and is not in here yet."""
        for key, versions in bucket.keys(prefix + table, since).items():
            if self.file.execute("SELECT 1 FROM object WHERE name = ?", (key,)).fetchone():
                continue
            self.file.execute("INSERT INTO object VALUES (?)", (key,))
            # All lines of an object, or none.
            self.file.execute("SAVEPOINT object")
            try:
                self.add(table, bucket.read(key, versions))
            except Refused as reason:
                self.file.execute("ROLLBACK TO object")
                self.unreadable[key] = f"{key!r}: {reason}"
            self.file.execute("RELEASE object")
        self.file.commit()

    def add(self, table: str, lines: Iterable[Line]) -> None:
        """Adds changes. The same one may come again, as retries make it; another in its place not."""
        for line in lines:
            sequence = line.sequence.rjust(SEQUENCE_DIGITS, "0")
            content = json.dumps(line.__dict__)
            row = (table, line.pk, line.sk, line.stream, sequence, content)
            self.file.execute("INSERT OR IGNORE INTO line VALUES (?, ?, ?, ?, ?, ?)", row)
            (kept,) = self.file.execute(
                "SELECT content FROM line WHERE tbl = ? AND stream = ? AND sequence = ?",
                (table, line.stream, sequence),
            ).fetchone()
            if kept != content:
                raise Refused(f"the archive has two changes of {table} under one sequence number")

    def has(self, table: str, stream: str, sequence: str) -> bool:
        """Whether a change is here."""
        found = self.file.execute(
            "SELECT 1 FROM line WHERE tbl = ? AND stream = ? AND sequence = ?",
            (table, stream, sequence.rjust(SEQUENCE_DIGITS, "0")),
        )
        return found.fetchone() is not None

    def row(self, table: str, pk: str, sk: str) -> list[Line]:
        """All changes of one row, in order."""
        found = self.file.execute(
            "SELECT content FROM line WHERE tbl = ? AND pk = ? AND sk = ? ORDER BY stream, sequence",
            (table, pk, sk),
        )
        return [_line(json.loads(content)) for (content,) in found]

    def rows(self, table: str) -> Iterator[list[Line]]:
        """Row by row, all changes of each in order."""
        found = self.file.execute(
            "SELECT pk, sk, content FROM line WHERE tbl = ? ORDER BY pk, sk, stream, sequence",
            (table,),
        )
        for _, row in groupby(found, key=lambda it: it[:2]):
            yield [_line(json.loads(content)) for _, _, content in row]

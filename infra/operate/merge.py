"""Puts together what the tables held at a time and what the archive has had since.

Every row is written once, as it has to be in the end: at no moment does a new table hold what was
replaced. Doing it again does the same, so an interrupted run is simply repeated.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from operate import Refused
from operate.archive import Line, Spool, fingerprint, to_image, to_item
from operate.replay import Accident, Fate, Live, expired, expiry, fate, version

# What DynamoDB takes at once.
BATCH = 25
ATTEMPTS = 10


@dataclass
class Counts:
    """What became of one table's rows."""

    restored: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    # Of those removed, or not added.
    expired: int = 0
    undone: int = 0
    odd: int = 0
    gaps: int = 0

    def take(self, it: Fate, was: dict | None) -> None:
        """Counts one row."""
        self.restored += was is not None
        self.changed += was is not None and it.image is not None and it.image != was
        self.added += was is None and it.image is not None
        self.removed += was is not None and it.image is None
        self.expired += it.expired
        self.undone += it.undone
        self.odd += it.odd
        self.gaps += it.gap

    def __str__(self) -> str:
        named = (f"{getattr(self, it.name)} {it.name}" for it in fields(self))
        return ", ".join(named)


class Merge:
    """One table: from a restored one and the archive into a new one."""

    def __init__(self, dynamodb, spool: Spool, table: str, accident: Accident | None, notes: Path):
        self.dynamodb, self.spool, self.table, self.accident = dynamodb, spool, table, accident
        # What each row has to be, by which the result is checked.
        self.notes = sqlite3.connect(notes)
        self.notes.executescript(
            """
            CREATE TABLE row (
                pk TEXT, sk TEXT, sha256 TEXT, expires_at INTEGER, found INTEGER DEFAULT 0,
                PRIMARY KEY (pk, sk)) WITHOUT ROWID;
            CREATE TABLE live (pk TEXT, sk TEXT, image TEXT, PRIMARY KEY (pk, sk)) WITHOUT ROWID;
            """
        )
        # When the old table was read.
        self.now = 0

    def fates(self, source: str, old: str) -> Iterator[tuple[str, str, dict | None, Fate]]:
        """Each row of the restored table, of the archive and of the old table, and what becomes of it."""
        self._read_live(old)
        for was in scan(self.dynamodb, source):
            pk, sk = was["pk"]["S"], was["sk"]["S"]
            yield pk, sk, was, self._fate(pk, sk, was, self.spool.row(self.table, pk, sk))
        for lines in self.spool.rows(self.table):
            pk, sk = lines[0].pk, lines[0].sk
            if not self._noted(pk, sk):
                yield pk, sk, None, self._fate(pk, sk, None, lines)
        for pk, sk in self.notes.execute("SELECT pk, sk FROM live"):
            if not self._noted(pk, sk):
                yield pk, sk, None, self._fate(pk, sk, None, [])

    def write(self, source: str, old: str, target: str) -> Counts:
        """Fills the new table from the restored one and the archive, which the old one has to agree with."""
        counts = Counts()

        def requests():
            for pk, sk, was, it in self.fates(source, old):
                counts.take(it, was)
                if it.image is None:
                    # An earlier run may have found the row not yet removed by the table's clock.
                    yield {"DeleteRequest": {"Key": {"pk": {"S": pk}, "sk": {"S": sk}}}}
                else:
                    yield {"PutRequest": {"Item": to_item(it.image)}}

        write(self.dynamodb, target, requests())
        return counts

    def verify(self, target: str) -> int:
        """Every row is as it has to be, none is missing, none besides, and none is behind the archive.

        Reads the new table anew; returns how many rows it has. What the table's clock has removed since they
        were written is not missing.
        """
        found = 0
        self.notes.execute("UPDATE row SET found = 0")
        for row in scan(self.dynamodb, target):
            pk, sk = row["pk"]["S"], row["sk"]["S"]
            noted = self._noted(pk, sk)
            if noted is None or noted[0] != fingerprint(row):
                raise Refused(f"{target} has a row that is not as it has to be; restore again")
            self.notes.execute("UPDATE row SET found = 1 WHERE pk = ? AND sk = ?", (pk, sk))
            found += 1
        wanted = "sha256 IS NOT NULL AND NOT found AND (expires_at IS NULL OR expires_at > ?)"
        missing = self.notes.execute(f"SELECT count(*) FROM row WHERE {wanted}", (int(time.time()),))
        if count := missing.fetchone()[0]:
            raise Refused(f"{target} lacks {count} rows; restore again")
        for lines in self.spool.rows(self.table):
            last = lines[-1]
            if not last.removal and not expired(last.image, time.time()):
                self._not_behind(target, last)
        return found

    def _not_behind(self, target: str, last: Line) -> None:
        key = {"pk": {"S": last.pk}, "sk": {"S": last.sk}}
        row = self.dynamodb.get_item(TableName=target, Key=key, ConsistentRead=True).get("Item")
        if row is None and not self._live(last.pk, last.sk):
            # Removed, of which the archive knows nothing: counted as a gap.
            return
        if row is None or version(row) < version(last.image):
            raise Refused(f"{target} has a row of a version below the archive's; restore again")

    def _read_live(self, old: str) -> None:
        for row in scan(self.dynamodb, old):
            values = (row["pk"]["S"], row["sk"]["S"], json.dumps(row))
            self.notes.execute("INSERT INTO live VALUES (?, ?, ?)", values)
        self.now = int(time.time())

    def _fate(self, pk: str, sk: str, was: dict | None, lines: list[Line]) -> Fate:
        it = fate(self.table, was, lines, Live(self._live(pk, sk), self.now), self.accident)
        self._note(pk, sk, it)
        return it

    def _live(self, pk: str, sk: str) -> dict | None:
        found = self.notes.execute("SELECT image FROM live WHERE pk = ? AND sk = ?", (pk, sk))
        (image,) = found.fetchone() or ("null",)
        return json.loads(image)

    def _note(self, pk: str, sk: str, it: Fate) -> None:
        image = it.image or {}
        until = expiry(image)
        # SQLite's numbers end; a row until then stays.
        until = until if until is not None and until < 2**63 else None
        values = (pk, sk, fingerprint(image) if image else None, until)
        self.notes.execute("INSERT INTO row (pk, sk, sha256, expires_at) VALUES (?, ?, ?, ?)", values)

    def _noted(self, pk: str, sk: str) -> tuple[str | None] | None:
        query = "SELECT sha256 FROM row WHERE pk = ? AND sk = ?"
        return self.notes.execute(query, (pk, sk)).fetchone()


def scan(dynamodb, table: str) -> Iterator[dict]:
    """The images of all rows, consistently read."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for page in pages:
        yield from map(to_image, page["Items"])


def write(dynamodb, table: str, requests: Iterable[dict]) -> None:
    """Writes rows, as often as DynamoDB leaves some of them over."""
    batch: list[dict] = []
    for request in requests:
        batch.append(request)
        if len(batch) == BATCH:
            _write_batch(dynamodb, table, batch)
            batch = []
    if batch:
        _write_batch(dynamodb, table, batch)


def _write_batch(dynamodb, table: str, batch: list[dict]) -> None:
    for attempt in range(ATTEMPTS):
        answer = dynamodb.batch_write_item(RequestItems={table: batch})
        batch = answer.get("UnprocessedItems", {}).get(table, [])
        if not batch:
            return
        time.sleep(min(0.05 * 2**attempt, 5))
    raise Refused(f"{table} does not take more rows at present; give the same command again")

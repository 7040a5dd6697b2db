"""What becomes of a row in a restore, without any AWS."""

import json
import random
import tempfile
import unittest
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from unittest import mock

from botocore.exceptions import ClientError

from operate import Refused
from operate.archive import Bucket, Line, Spool, fingerprint, parse, to_image, to_item
from operate.replay import Accident, Live, fate, version

STREAM = "2026-11-20T16:00:00.000"


class Table:
    """One row and its stream, as DynamoDB and the janitor would have them."""

    def __init__(self, sk="factor#f"):
        self.sk, self.image, self.lines, self.now = sk, None, [], 1_000

    def put(self, version, content="sealed", expires_at=None, **more):
        """A commit, or whatever else writes a row."""
        key = {"pk": {"S": "u"}, "sk": {"S": self.sk}}
        image = {
            **key,
            "version": {"N": str(version)},
            "bytes": {"B": "AP8="},
            "row": {"S": content},
        }
        if expires_at is not None:
            image["expires_at"] = {"N": str(expires_at)}
        self._change("MODIFY" if self.image else "INSERT", image, **more)

    def remove(self, **more):
        self._change("REMOVE", None, **more)

    @property
    def live(self):
        """As the old table has it."""
        return Live(self.image, self.now)

    def _change(self, change, image, stream=STREAM, expired=False):
        self.now += 1
        self.lines.append(
            Line(
                stream,
                str(100 * self.now),
                self.now,
                change,
                expired,
                "u",
                self.sk,
                image,
                fingerprint(image) if image else None,
                fingerprint(self.image) if self.image else None,
            )
        )
        self.image = image


class Fates(unittest.TestCase):
    def restored(self, table, then, name="factors", accident=None, since=0):
        """The fate of a row that was restored as it was after `then` changes."""
        was = table.lines[then - 1].image if then else None
        return fate(name, was, table.lines[since:], table.live, accident)

    def test_a_commit_after_the_time_of_the_restore_stands(self):
        table = Table()
        table.put(1)
        table.put(2, "a guess was charged")
        it = self.restored(table, 1)
        self.assertEqual(it.image, table.image)
        self.assertFalse(it.gap)

    def test_a_row_made_after_that_time_is_there(self):
        table = Table("wallet")
        table.put(1)
        self.assertEqual(self.restored(table, 0, "wallets").image, table.image)

    def test_a_row_that_nobody_changed_stays_as_it_was_restored(self):
        table = Table()
        table.put(1)
        it = self.restored(table, 1, since=1)
        self.assertEqual(it.image, table.image)
        self.assertFalse(it.gap)

    def test_what_a_user_removed_stays_removed(self):
        for name, sk in [
            ("factors", "factor#f"),
            ("devices", "device#d"),
            ("backups", "w"),
            ("sessions", "session"),
        ]:
            with self.subTest(name):
                table = Table(sk)
                table.put(1)
                table.remove()
                self.assertIsNone(self.restored(table, 1, name).image)

    def test_what_the_service_never_removes_comes_back_as_it_last_was(self):
        for name, sk in [
            ("wallets", "w"),
            ("data_keys", "0000000001"),
            ("metadata", "keys"),
            ("tenants", "document"),
            ("sessions", "token"),
        ]:
            with self.subTest(name):
                table = Table(sk)
                table.put(1)
                table.put(2, "locked")
                last = table.image
                table.remove()
                it = self.restored(table, 1, name)
                self.assertEqual(it.image, last)
                self.assertEqual(it.undone, 1)

    def test_rows_removed_in_an_accident_come_back_and_sessions_do_not(self):
        table = Table()
        table.put(3)
        last = table.image
        table.remove()
        during = Accident(table.now, table.now)
        self.assertEqual(self.restored(table, 1, accident=during).image, last)
        before = Accident(0, table.now - 1)
        self.assertIsNone(self.restored(table, 1, accident=before).image)
        session = Table("session")
        session.put(1)
        session.remove()
        during = Accident(session.now, session.now)
        self.assertIsNone(self.restored(session, 1, "sessions", accident=during).image)

    def test_what_the_tables_clock_removed_stays_removed_also_in_an_accident(self):
        table = Table("w")
        table.put(1)
        table.remove(expired=True)
        self.assertIsNone(self.restored(table, 1, "wallets", Accident(0, 2_000)).image)

    def test_a_row_made_anew_starts_its_versions_again(self):
        table = Table("w")
        table.put(5)
        table.remove()
        table.put(1, "another backup")
        it = self.restored(table, 1, "backups")
        self.assertEqual(it.image, table.image)
        self.assertFalse(it.gap)

    def test_a_row_made_anew_stands_also_where_its_removal_is_not_believed(self):
        table = Table("document")
        table.put(5)
        table.remove()
        table.put(1, "the operator's next")
        it = self.restored(table, 1, "tenants")
        self.assertEqual(it.image, table.image)
        self.assertEqual((it.odd, it.gap), (0, False))
        # And where the removal is missing.
        it = fate("tenants", table.lines[0].image, table.lines[2:], table.live)
        self.assertEqual(it.image, table.image)
        self.assertTrue(it.gap)

    def test_old_rows_that_an_accident_put_in_place_of_removed_ones_do_not_stand(self):
        table = Table()
        table.put(5, "two guesses left")
        good = table.image
        table.remove()
        start = table.now
        table.put(1, "ten guesses left")
        it = self.restored(table, 1, accident=Accident(start, table.now))
        self.assertEqual((it.image, it.odd), (good, 1))
        # What a user made after it stands.
        it = self.restored(table, 1, accident=Accident(start, start))
        self.assertEqual(it.image, table.image)

    def test_a_row_whose_time_was_over_is_made_anew_by_a_change(self):
        for late, stands in ((0, True), (1, False)):
            with self.subTest(late):
                table = Table("session")
                table.put(5, expires_at=table.now + 2 + late)
                former = table.image
                table.put(1, "another session", expires_at=9_000)
                it = self.restored(table, 1, "sessions")
                self.assertFalse(it.gap)
                self.assertEqual(it.image, table.image if stands else former)

    def test_a_write_that_raises_no_version_is_no_commit(self):
        table = Table("w")
        table.put(4)
        good = table.image
        table.put(4, "garbage")
        table.put(3, "a row of yesterday put back")
        it = self.restored(table, 1, "wallets")
        self.assertEqual(it.image, good)
        self.assertEqual(it.odd, 2)

    def test_a_change_that_is_missing_is_noticed_wherever_it_is(self):
        table = Table("w")
        for version in range(1, 6):
            table.put(version)
        lines = table.lines
        for lost in range(1, 4):
            with self.subTest(lost):
                fewer = lines[:lost] + lines[lost + 1 :]
                self.assertTrue(fate("wallets", lines[0].image, fewer, table.live).gap)
        # Between the restored row and the first archived change.
        self.assertTrue(fate("wallets", lines[0].image, lines[2:], table.live).gap)
        self.assertTrue(fate("wallets", None, lines[2:], table.live).gap)
        self.assertFalse(fate("wallets", lines[0].image, lines[1:], table.live).gap)

    def test_the_last_changes_of_a_row_are_missed_too_and_what_was_committed_stands(self):
        for lost in (1, 2, 3):
            with self.subTest(lost):
                table = Table()
                for version in range(1, 4):
                    table.put(version)
                it = fate("factors", table.lines[0].image, table.lines[1:-lost], table.live)
                self.assertTrue(it.gap)
                self.assertEqual(it.image, table.image)
        # The row was made and nothing is known of it.
        self.assertEqual(fate("factors", None, [], table.live).image, table.image)
        self.assertTrue(fate("factors", None, [], table.live).gap)

    def test_a_last_write_that_raises_no_version_is_no_commit_although_it_was_lost(self):
        table = Table("w")
        table.put(4)
        good = table.image
        table.put(3, "a row of yesterday put back")
        it = fate("wallets", good, table.lines[:1], table.live)
        self.assertTrue(it.gap)
        self.assertEqual(it.image, good)

    def test_a_last_removal_that_was_lost_is_judged_like_any_other(self):
        for name, sk, stays in [
            ("factors", "factor#f", False),
            ("sessions", "session", False),
            ("wallets", "w", True),
        ]:
            with self.subTest(name):
                table = Table(sk)
                table.put(1)
                last = table.image
                table.remove()
                it = fate(name, last, table.lines[:-1], table.live)
                self.assertTrue(it.gap)
                self.assertEqual(it.image, last if stays else None)
        table = Table()
        table.put(1)
        last = table.image
        table.remove()
        # It can have been in the accident, or cannot.
        during, before = Accident(table.now, table.now), Accident(0, table.now - 2)
        self.assertEqual(fate("factors", last, table.lines[:-1], table.live, during).image, last)
        self.assertIsNone(fate("factors", last, table.lines[:-1], table.live, before).image)

    def test_what_the_tables_clock_removes_while_the_archive_is_read_is_not_missing(self):
        table = Table("session")
        table.put(1, expires_at=1_500)
        self.assertFalse(fate("sessions", table.image, table.lines, Live(None, 1_500)).gap)
        self.assertTrue(fate("sessions", table.image, table.lines, Live(None, 1_499)).gap)

    def test_a_later_stream_of_the_table_counts_as_later(self):
        table = Table("w")
        table.put(1)
        table.put(2, stream="2026-11-21T00:00:00.000")
        self.assertEqual(self.restored(table, 1, "wallets").image, table.image)

    def lived(self, chance):
        """A row with some changes."""
        table = Table()
        for _ in range(chance.randrange(1, 12)):
            if table.image and chance.random() < 0.25:
                table.remove(expired=chance.random() < 0.3)
            else:
                table.put((version(table.image) if table.image else 0) + 1, str(chance.random()))
        return table

    def test_whichever_last_changes_are_missing_it_is_noticed_and_no_version_goes_back(self):
        for seed in range(500):
            with self.subTest(seed):
                chance = random.Random(seed)
                table = self.lived(chance)
                kept = chance.randrange(len(table.lines))
                then = chance.randrange(kept + 1)
                was = table.lines[then - 1].image if then else None
                last = table.lines[kept - 1].image if kept else None
                it = fate("factors", was, table.lines[:kept], table.live)
                self.assertEqual(it.gap, last != table.image)
                self.assertEqual(it.image is None, table.image is None)
                if table.image:
                    self.assertGreaterEqual(version(it.image), version(table.image))

    def test_whatever_happened_nothing_committed_goes_back(self):
        for seed in range(500):
            with self.subTest(seed):
                chance = random.Random(seed)
                table = self.lived(chance)
                then = chance.randrange(len(table.lines) + 1)
                # The archive may be read from any earlier time on.
                it = self.restored(table, then, since=chance.randrange(then + 1))
                self.assertEqual(it.image, table.image)
                self.assertFalse(it.gap)


    def test_a_row_whose_time_is_over_is_absent(self):
        table = Table("session")
        table.put(1, expires_at=1_500)
        for now, image in ((1_499, table.image), (1_500, None)):
            it = fate("sessions", table.image, table.lines, Live(table.image, now))
            self.assertEqual(it.image, image)
            self.assertEqual((it.expired, it.gap), (image is None, False))


class Lines(unittest.TestCase):
    def text(self, **other):
        image = {"pk": {"S": "u"}, "sk": {"S": "w"}, "bytes": {"B": "AP8="}}
        line = {
            "format": 1,
            "stream": STREAM,
            "sequence": "12",
            "at_unix_s": 1,
            "change": "INSERT",
            "expired": False,
            "pk": "u",
            "sk": "w",
            "image": image,
            "sha256": fingerprint(image),
            "replaced": None,
        }
        return json.dumps({**line, **other}).encode()

    def test_a_line_reads_back(self):
        line = parse(self.text())
        self.assertEqual((line.pk, line.sk, line.sequence), ("u", "w", "12"))
        self.assertEqual(to_image(to_item(line.image)), line.image)
        self.assertEqual(to_item(line.image)["bytes"], {"B": b"\x00\xff"})

    def test_a_line_that_is_not_whole_ends_the_reading(self):
        foreign = {"pk": {"S": "other"}, "sk": {"S": "w"}}
        binary = {"pk": {"S": "u"}, "sk": {"S": "w"}, "bytes": {"B": "no base64"}}
        for other in [
            {"format": 2},
            {"more": 1},
            {"sequence": ""},
            {"sequence": "9" * 41},
            {"sequence": "١"},
            {"change": "UPSERT"},
            {"change": "REMOVE"},
            {"image": None},
            {"image": {"pk": {"S": "u"}}},
            {"image": foreign, "sha256": fingerprint(foreign)},
            {"image": binary, "sha256": fingerprint(binary)},
            {"sha256": "00" * 32},
            {"at_unix_s": "1"},
            {"expired": 0},
            {"image": []},
        ]:
            with self.subTest(other), self.assertRaises(Refused):
                parse(self.text(**other))
        for text in (b"", b"[]", b"{", b"[" * 100_000, b"\xff"):
            with self.subTest(text[:5]), self.assertRaises(Refused):
                parse(text)

    def test_the_fingerprint_is_the_janitors(self):
        # The same in functions/src/archive/image.rs.
        expected = "3a946b0cb368975c1ac2b5a59d53e02be96b6eaa654d81c8ca280666e810a3d4"
        self.assertEqual(fingerprint({"b": {"N": "1"}, "a": {"S": "é\n"}}), expected)

    def test_a_change_that_comes_twice_is_one_and_another_in_its_place_is_refused(self):
        table = Table("w")
        table.put(1)
        table.put(2)
        with tempfile.TemporaryDirectory() as folder:
            spool = Spool(Path(folder) / "spool")
            spool.add("wallets", reversed(table.lines))
            spool.add("wallets", table.lines)
            self.assertEqual(list(spool.rows("wallets")), [table.lines])
            self.assertEqual(spool.row("wallets", "u", "w"), table.lines)
            other = Table("x")
            other.put(7)
            with self.assertRaises(Refused):
                spool.add("wallets", other.lines)

    def test_what_cannot_be_read_is_named_and_the_rest_is_read(self):
        good = self.text(sequence="1") + b"\n" + self.text(sequence="2") + b"\n"
        other = self.text(sequence="9") + b"\n" + self.text(sequence="2", at_unix_s=7) + b"\n"
        objects = {
            named("1", good): [None, b"hidden under this", good],
            named("2", b"{}\n"): [b"{}\n"],
            named("3", other): [other],
            named("4", b""): [b"altered"],
            named("5", b"away"): [None],
            "live-wallets/junk": [b"junk"],
        }
        spool = Spool(":memory:")
        for _ in range(2):
            # Loaded again and again while the janitor is awaited.
            spool.load(bucket_of(objects), "live-", "wallets", datetime(2020, 1, 1, tzinfo=UTC))
            ((first, second),) = spool.rows("wallets")
            self.assertEqual((first.sequence, second.sequence, second.at_unix_s), ("1", "2", 1))
            self.assertEqual(set(spool.unreadable), set(list(objects)[1:]))

    def test_a_bucket_that_nobody_may_read_now_ends_the_reading(self):
        bucket = bucket_of({named("1", b""): [b""]})
        for code in ("ExpiredToken", "SlowDown", "NoSuchBucket"):
            bucket.s3.get_object.side_effect = ClientError({"Error": {"Code": code}}, "GetObject")
            with self.subTest(code), self.assertRaises(ClientError):
                spool = Spool(":memory:")
                spool.load(bucket, "live-", "wallets", datetime(2020, 1, 1, tzinfo=UTC))


def named(first: str, body: bytes) -> str:
    return f"live-wallets/2026/11/20/16/{first.rjust(40, '0')}-{sha256(body).hexdigest()}.jsonl"


def bucket_of(objects: dict[str, list[bytes | None]]) -> Bucket:
    """With these versions of objects; those that are none are encrypted for somebody else."""
    s3 = mock.Mock()
    versions = [
        {"Key": key, "VersionId": str(at)} for key, them in objects.items() for at in range(len(them))
    ]
    s3.get_paginator.return_value.paginate.return_value = [{"Versions": versions}]

    def get_object(Key, VersionId, **_):
        body = objects[Key][int(VersionId)]
        if body is None:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
        return {"Body": BytesIO(body)}

    s3.get_object.side_effect = get_object
    return Bucket(s3, "records")

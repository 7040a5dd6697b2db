import unittest
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from janitor import Janitor
from operate import Refused
from operate.archive import Bucket, Line, Spool
from operate.tables import archived
from restoring.world import World

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Archive(unittest.TestCase):
    """One deployment, whose tables go on from test to test."""

    @classmethod
    def setUpClass(cls):
        cls.world = cls.enterClassContext(World("archive"))
        cls.janitor = cls.enterClassContext(Janitor(cls.world.bucket))

    def changes(self, table: str, count: int) -> list[dict]:
        """What the stream says of some commits, not archived yet."""
        for number in range(count):
            self.world.put(table, self.id(), f"row {number}", 1, "sealed")
        batches = self.janitor.pending(self.world.current, table, 100)
        return [record for batch in batches for record in batch]

    def lines(self) -> list[Line]:
        """All of the archive."""
        spool, bucket = Spool(":memory:"), Bucket(self.world.s3, self.world.bucket)
        for table in archived():
            spool.load(bucket, self.world.current.prefix, table, LONG_AGO)
        return [line for table in archived() for row in spool.rows(table) for line in row]

    def test_a_batch_that_comes_again_is_stored_once(self):
        for table in archived():
            batch = self.changes(table, 4)
            before = len(self.lines())
            self.assertTrue(self.janitor.call(batch))
            once = self.world.objects()
            self.assertTrue(self.janitor.call(batch))
            self.assertEqual(self.world.objects(), once)
            # In halves, as Lambda tries a batch that failed.
            self.assertTrue(self.janitor.call(batch[:1]) and self.janitor.call(batch[1:]))
            self.assertEqual(len(self.lines()), before + len(batch))

    def test_a_batch_that_is_no_streams_is_refused_and_the_next_is_taken(self):
        batch = self.changes("factors", 3)
        before = self.world.objects()
        self.assertFalse(self.janitor.call([*batch[:-1], {**batch[-1], "eventName": "UPSERT"}]))
        self.assertEqual(self.world.objects(), before)
        self.assertTrue(self.janitor.call(batch))
        self.assertGreater(self.world.objects(), before)

    def test_a_bucket_that_is_away_is_an_error(self):
        batch = self.changes("events", 1)
        with Janitor("no-such-bucket-of-ours") as astray:
            self.assertFalse(astray.call(batch))
        self.assertTrue(self.janitor.call(batch))

    def test_what_is_hidden_is_read_and_what_is_altered_ends_the_reading(self):
        world = self.world
        for table in ("devices", "wallets"):
            self.assertTrue(self.janitor.call(self.changes(table, 2)))
        lines = self.lines()
        over, *_, marked = sorted(world.objects())
        world.s3.put_object(Bucket=world.bucket, Key=over, Body=b"nothing happened")
        try:
            world.s3.delete_object(Bucket=world.bucket, Key=marked)
        except ClientError:
            pass  # The bucket's policy is in force: better still.
        self.assertEqual(self.lines(), lines)
        # An object of somebody else's is not the bytes that it is named after.
        world.s3.put_object(
            Bucket=world.bucket, Key=marked.replace("archive-", "astray-"), Body=b"{}"
        )
        bucket = Bucket(world.s3, world.bucket)
        ((key, versions),) = bucket.keys("astray-wallets", LONG_AGO).items()
        with self.assertRaisesRegex(Refused, "somebody altered it"):
            bucket.read(key, versions)

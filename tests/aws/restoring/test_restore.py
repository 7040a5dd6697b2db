import time
import unittest
from datetime import UTC, datetime, timedelta
from unittest import mock

from janitor import Janitor
from operate import Refused, drain, tables
from operate.archive import Bucket, Spool, fingerprint
from operate.replay import Accident
from operate.tables import archived
from restoring.world import World

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def live(world: World) -> None:
    """What a few users have by the time that will be gone back to."""
    world.put("tenants", "demo", "document", 1, "signed")
    world.put("data_keys", "demo", "0000000001", 1, "wrapped")
    world.put("metadata", "deployment", "keys", 1, "sealed")
    for user in ("alice", "bob"):
        world.put("wallets", user, "w1", 1, "epoch 1, active")
        world.put("backups", user, "w1", 1, "of epoch 1")
        world.put("factors", user, "factor#p", 1, "ten guesses left")
        world.put("factors", user, "factor#c", 1, "a code")
        world.put("factors", user, "recovery", 1, "both factors")
        world.put("devices", user, "device#d", 1, "not revoked")
        world.put("sessions", f"session#{user}", "session", 1, "open", user={"S": user})


def go_on(world: World) -> None:
    """What is committed after it."""
    world.put("wallets", "alice", "w1", 2, "epoch 2, active")
    world.put("wallets", "alice", "w1", 3, "epoch 2, locked")
    world.put("backups", "alice", "w1", 2, "of epoch 2")
    for left in (9, 8, 7):
        world.put("factors", "alice", "factor#p", 11 - left, f"{left} guesses left")
    world.put("factors", "alice", "recovery", 2, "the passcode only")
    world.remove("factors", "alice", "factor#c")
    world.put("devices", "alice", "device#d", 2, "revoked")
    world.remove("sessions", "session#alice", "session")
    world.put("sessions", "token#t", "token", 1, "used")
    world.put("wallets", "bob", "w2", 1, "a new wallet")
    world.remove("backups", "bob", "w1")
    world.put("backups", "bob", "w1", 1, "stored anew")
    world.put("data_keys", "demo", "0000000002", 1, "wrapped, rotated")


def lately() -> datetime:
    """A time that several runs are given."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


class Restores(unittest.TestCase):
    def test_nothing_that_was_committed_goes_back(self):
        with World("back") as world, Janitor(world.bucket) as janitor:
            live(world)
            world.photographed()
            go_on(world)
            before = world.rows()
            old = world.current
            janitor.follow(old)
            self.a_dry_run_changes_nothing(world)
            world.restoring().run()
            self.assertEqual(world.current.number, 2)
            self.assertEqual(world.rows(), before)
            self.assertEqual(world.content("factors", "alice", "factor#p"), (4, "7 guesses left"))
            self.assertEqual(world.content("wallets", "alice", "w1"), (3, "epoch 2, locked"))
            self.assertIsNone(world.content("sessions", "session#alice", "session"))
            self.assertEqual(world.rows(old), before, "the old tables stay as they are")
            self.assertTrue(world.functions.running)
            self.assertNotEqual(world.bucket, janitor.bucket)
            self.everybody_was_told(world)
            self.a_second_run_and_a_second_restore(world)

    def everybody_was_told(self, world: World):
        storage = world.current.stack()
        for template in ("api", "hosts", "watch"):
            self.assertEqual(world.told(template)["TablePrefix"], "back-r2-")
            self.assertEqual(world.told(template)["Prefix"], "back-")
        self.assertEqual(world.told("api")["WalletsStream"], storage.outputs["WalletsStream"])
        self.assertEqual(world.told("api")["RecordsBucket"], storage.outputs["RecordsBucket"])
        self.nothing_is_left(world)

    def nothing_is_left(self, world: World):
        self.assertEqual([it for it in world.tables() if "recovered" in it], [])

    def a_second_run_and_a_second_restore(self, world: World):
        to = lately()
        world.photographed()
        world.put("wallets", "bob", "w2", 2, "epoch 2, active")
        with Janitor(world.bucket) as janitor:
            janitor.follow(world.current)
            self.the_new_archive_has_all_rows(world, janitor)
            before = world.rows()
            world.restoring(to=to).run()
            self.assertEqual(world.current.prefix, "back-r3-")
            self.assertEqual(world.rows(), before)
            # Given again after it was done, it takes nothing of what came since.
            world.put("wallets", "bob", "w2", 3, "epoch 3, active")
            world.restoring(to=to).run()
            self.assertEqual(world.current.prefix, "back-r3-")
            self.assertEqual(world.content("wallets", "bob", "w2"), (3, "epoch 3, active"))

    def test_an_accident_is_undone_and_nothing_else(self):
        with World("accident") as world, Janitor(world.bucket) as janitor:
            live(world)
            world.photographed()
            go_on(world)
            expected = world.rows()
            janitor.follow(world.current)
            # Times in the archive are whole seconds.
            time.sleep(1.1)
            start = int(time.time())
            for table in ("wallets", "backups", "factors", "devices", "metadata", "sessions"):
                for row in world.rows()[table]:
                    world.remove(table, row["pk"]["S"], row["sk"]["S"])
            janitor.follow(world.current)
            world.restoring(accident=Accident(start, int(time.time()))).run()
            # Whoever was signed in signs in again; a used token stays used.
            token = [it for it in expected["sessions"] if it["sk"]["S"] == "token"]
            self.assertEqual(world.rows(), {**expected, "sessions": token})

    def test_a_run_that_dies_anywhere_is_given_again_and_ends_well(self):
        with World("crash") as world, Janitor(world.bucket) as janitor:
            live(world)
            world.photographed()
            go_on(world)
            before = world.rows()
            janitor.follow(world.current)
            to = lately()
            died_at: set[str] = set()
            # Each run gets one change further than the one before.
            while self.dies(world, died_at, to):
                if world.current.number == 1:
                    self.assertEqual(world.rows(), before)
            self.assertGreater(len(died_at), 20)
            self.assertEqual(world.rows(), before)
            self.assertTrue(world.functions.running)
            self.assertEqual(world.told("hosts")["TablePrefix"], "crash-r2-")
            self.nothing_is_left(world)

    def dies(self, world: World, died_at: set[str], to: datetime) -> bool:
        """Whether a run ends by its death: at the first change at which none has died yet."""
        run = world.restoring(to=to)
        run.accounts = Watched(run.accounts, died_at)
        run.point_in_time.client = run.accounts.service("dynamodb")
        try:
            run.run()
        except Death:
            return True
        return False

    def test_changes_that_are_not_archived_stop_a_restore(self):
        with World("gap") as world, Janitor(world.bucket) as janitor:
            live(world)
            world.photographed()
            janitor.follow(world.current)
            go_on(world)
            lost = False
            for table in archived():
                for batch in janitor.pending(world.current, table, 1):
                    # One guess that was charged, in the middle.
                    (record,) = batch
                    version = record["dynamodb"].get("NewImage", {}).get("version")
                    if record["dynamodb"]["Keys"]["sk"]["S"] == "factor#p" and version == {
                        "N": "3"
                    }:
                        lost = True
                    else:
                        self.assertTrue(janitor.call(batch))
            self.assertTrue(lost)
            with self.assertRaisesRegex(Refused, "1 of gap-factors"):
                world.restoring().run()
            self.assertEqual(world.current.number, 1)
            self.assertFalse(world.functions.running)
            world.restoring().abandon()
            self.assertTrue(world.functions.running)
            # Once the stream has forgotten the change, the others show that it is missing.
            forgetful = world.restoring()
            with self.forgotten():
                with self.assertRaisesRegex(Refused, "of 1 rows the archive lacks changes"):
                    forgetful.run()
                self.assertEqual(world.current.number, 1)
                with self.assertRaisesRegex(Refused, "another restore"):
                    world.restoring(to=LONG_AGO).run()
                world.restoring(to=forgetful.to, although_missing=True).run()
            self.assertEqual(world.content("factors", "alice", "factor#p"), (4, "7 guesses left"))

    def test_last_changes_that_are_not_archived_stop_a_restore_although_the_stream_forgot_them(self):
        with World("tail") as world, Janitor(world.bucket) as janitor:
            live(world)
            world.photographed()
            janitor.follow(world.current)
            # A janitor that stood still from here on, for longer than streams remember.
            go_on(world)
            before = world.rows()
            run = world.restoring()
            with self.forgotten():
                with self.assertRaisesRegex(Refused, "of 11 rows .* 2 of tail-wallets"):
                    run.run()
                self.assertEqual(world.current.number, 1)
                world.restoring(to=run.to, although_missing=True).run()
            # What is known of them is what the old tables hold. All but a row that was made anew with the
            # version that it had: it looks like one that was overwritten.
            self.assertEqual(world.content("backups", "bob", "w1"), (1, "of epoch 1"))
            self.assertEqual(
                [it for it in world.rows()["backups"] if it["pk"]["S"] != "bob"],
                [it for it in before.pop("backups") if it["pk"]["S"] != "bob"],
            )
            self.assertEqual({it: world.rows()[it] for it in before}, before)

    def test_a_restore_whose_tables_are_in_use_is_finished_and_not_abandoned(self):
        with World("half") as world, Janitor(world.bucket) as janitor:
            live(world)
            world.photographed()
            janitor.follow(world.current)
            run = world.restoring()
            # It dies as soon as the old tables are marked as replaced.
            with mock.patch.object(run, "finish", side_effect=Death), self.assertRaises(Death):
                run.run()
            self.assertEqual(world.current.number, 2)
            for attempt in (world.restoring().abandon, world.restoring(to=lately()).run):
                with self.assertRaisesRegex(Refused, "half-r2-.* are in use already"):
                    attempt()
                self.assertFalse(world.functions.running)
            # As infra/deploy tells everybody, and starts nothing.
            told = tables.parameters(world.current, world.current.stack().outputs)
            for template in ("api", "hosts", "watch"):
                known = {it: told[it] for it in world.told(template) if it in told}
                world.stack(template, **{**world.told(template), **known})
            self.assertFalse(world.functions.running)
            world.restoring(to=run.to).run()
            self.assertTrue(world.functions.running)
            self.assertEqual(world.current.number, 2)
            self.nothing_is_left(world)

    def test_junk_in_the_archive_is_no_refusal_for_ever(self):
        with World("junk") as world, Janitor(world.bucket) as janitor:
            live(world)
            world.photographed()
            go_on(world)
            before = world.rows()
            janitor.follow(world.current)
            name = f"junk-wallets/{datetime.now(UTC):%Y/%m/%d/%H}/nobody takes it away"
            world.s3.put_object(Bucket=world.bucket, Key=name, Body=b"\x00")
            self.a_dry_run_changes_nothing(world)
            run = world.restoring()
            with self.assertRaisesRegex(Refused, "1 objects of the archive cannot be read"):
                run.run()
            world.restoring(to=run.to, although_missing=True).run()
            self.assertEqual(world.rows(), before)

    def test_a_time_that_the_archive_does_not_reach_back_to_is_refused(self):
        with World("forgot") as world:
            run = world.restoring(to=datetime.now(UTC) - timedelta(days=36))
            with self.assertRaisesRegex(Refused, "for 36 days only"):
                run.run()
            self.assertEqual(world.functions.stops, 0)

    def forgotten(self):
        return mock.patch.object(drain, "in_streams", lambda *_: iter(()))

    def a_dry_run_changes_nothing(self, world: World):
        names = world.tables()
        world.restoring(dry_run=True).run()
        self.assertEqual(world.tables(), names)
        self.assertEqual((world.current.number, world.functions.stops), (1, 0))

    def the_new_archive_has_all_rows(self, world: World, janitor: Janitor):
        spool = Spool(":memory:")
        archive = Bucket(world.s3, janitor.bucket)
        drain.drain(world.current, archive, spool, LONG_AGO, although_missing=False)
        for table, rows in world.rows().items():
            last = sorted(lines[-1].sha256 for lines in spool.rows(table))
            self.assertEqual(last, sorted(map(fingerprint, rows)))


class Death(BaseException):
    """As if the process had been killed."""


class Watched:
    """Accounts whose clients die at a change at which none has died yet: before the one, after the next."""

    def __init__(self, accounts, died_at: set[str]):
        self._accounts, self._died_at, self._after = accounts, died_at, False
        self.settings = accounts.settings

    def service(self, service: str):
        client = self._accounts.service(service)
        client.meta.events.register("before-parameter-build", self._before)
        client.meta.events.register("after-call", self._then)
        return client

    def of(self, account: str, service: str):
        return self.service(service)

    def _before(self, model, params, **_):
        if model.name.startswith(("Get", "List", "Describe", "Scan")):
            return
        what = (
            params.get("StackName") or params.get("TableName") or next(iter(params["RequestItems"]))
        )
        # All copies are deleted alike.
        place = model.name if model.name == "DeleteTable" else f"{model.name} {what}"
        if place in self._died_at:
            return
        self._died_at.add(place)
        if len(self._died_at) % 2:
            raise Death
        self._after = True

    def _then(self, **_):
        if self._after:
            raise Death

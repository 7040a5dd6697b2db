"""Takes a deployment's tables back to a time, and plays what was committed since over them.

Makes new tables beside the old ones, fills them from a recovery to a point in time and from the archive,
checks every row, and lets the service use them. The old tables stay as they are. The service stands still
from the second step to the last. A run that was interrupted is given again, with the same arguments.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from operate import Refused, tables
from operate.accounts import Accounts
from operate.agreement import Agreement, say, table
from operate.archive import Bucket, Spool
from operate.deploy import reported
from operate.drain import drain
from operate.functions import Functions
from operate.merge import Merge
from operate.point_in_time import PointInTime
from operate.replay import Accident
from operate.settings import Settings, read
from operate.stacks import POLL_SECONDS, Stack, Stacks
from operate.tables import Generation, archived

# Times in the archive are approximate, and those of recovery are whole seconds.
MARGIN = timedelta(hours=1)
# Stacks that are told which tables to use, in the order in which they are. Hosts are replaced by it.
USERS = ("api", "hosts", "watch")
# Whoever leaves one object that cannot be read can leave thousands.
MOST_NAMED = 20
EPILOG = """
Times are like 2026-11-20T16:00:00Z. What the archive is played over and what not, and what a restore cannot
bring back, is in docs/operations.md, "Restore".
"""


@dataclass
class Restore:
    """One run."""

    settings: Settings
    accounts: Accounts
    agreement: Agreement
    to: datetime
    accident: Accident | None = None
    dry_run: bool = False
    although_missing: bool = False
    functions: Functions = field(init=False)
    point_in_time: PointInTime = field(init=False)

    def __post_init__(self):
        self.functions = Functions(self.accounts)
        self.point_in_time = PointInTime(self.accounts)

    def run(self) -> None:
        """All steps, in their order."""
        current = tables.in_use(self.accounts)
        stack = self._stack_of(current)
        self._refuse_older_stacks()
        if current.number > 1 and stack.parameters.get("RestoredFrom") == self._origin(
            current.number - 1
        ):
            # An earlier run got as far as the new tables' being in use: to fill them again would undo
            # what was committed in them.
            say("the restored tables are in use: finishing")
            return self.finish(current)
        self._refuse_unfinished(current, stack)
        target = tables.generation(self.accounts, current.number + 1)
        self._refuse_another_restore(current, target)
        self._refuse_forgotten(stack)
        self.point_in_time.check(current, self.to)
        self.show_plan(current, target)
        with tempfile.TemporaryDirectory(prefix="sharekeep-restore-") as folder:
            self.restore(current, stack, target, Path(folder))

    def restore(self, current: Generation, stack: Stack, target: Generation, folder: Path) -> None:
        """Everything up to the moment in which the new tables take the old ones' place."""
        bucket = Bucket(self.accounts.service("s3"), stack.outputs["RecordsBucket"])
        spool = Spool(folder / "archive")
        if self.dry_run:
            return self.preview(current, bucket, spool)
        self.agreement.ask("The service stops now. Restore?")
        self.functions.stop()
        say("the functions are stopped, until this is done or given up with --abandon")
        since = self.to - MARGIN
        drain(current, bucket, spool, since, self.although_missing)
        say("the archive has every change that the tables' streams have")
        self._refuse_unreadable(spool)
        target.stacks.bring_up_to_date(
            "storage",
            {
                **self.settings.parameters.get("storage", {}),
                "Prefix": target.prefix,
                "RestoredFrom": self._origin(current.number),
            },
            self.agreement,
        )
        self.point_in_time.restore(current, target, self.to)
        say(f"the tables of {self.to:%Y-%m-%dT%H:%M:%SZ} are there")
        self.fill(current, target, spool, folder)
        # From here on the new tables are the tables, whatever happens to this run.
        self.replace(current, stack, target)
        self.finish(target)

    def abandon(self) -> None:
        """Lets the functions run again, on the tables that they ran on."""
        self._stack_of(tables.in_use(self.accounts))
        # Asked again: what was under way may have been the marking of the old tables.
        used = tables.in_use(self.accounts)
        self._refuse_unfinished(used, self._stack_of(used))
        self.functions.start()
        say("the functions run; what a restore had made by then is left as it is")

    def fill(self, current: Generation, target: Generation, spool: Spool, folder: Path) -> None:
        """Puts the restored rows and the archive together, and checks the result."""
        dynamodb = self.accounts.service("dynamodb")
        merges = {}
        gaps = {}
        rows = [("table", "rows")]
        for name in archived():
            merge = Merge(dynamodb, spool, name, self.accident, folder / f"{name}-rows")
            new = target.table(name)
            counts = merge.write(new + PointInTime.SUFFIX, current.table(name), new)
            if counts.gaps:
                gaps[current.table(name)] = counts.gaps
            rows.append((name, str(counts)))
            merges[name] = merge
        say(table(rows))
        self._refuse_gaps(gaps)
        for name, merge in merges.items():
            found = merge.verify(target.table(name))
            say(f"  {target.table(name)}: all {found} rows are as they have to be")

    def preview(self, current: Generation, bucket: Bucket, spool: Spool) -> None:
        """What the archive has, as far as it can be said without the restored tables."""
        rows = [("table", "changes", "rows changed", "removals", "of them undone", "last")]
        for name in archived():
            spool.load(bucket, current.prefix, name, self.to - MARGIN)
            rows.append((name, *map(str, archive_of(spool, name, self.accident))))
        say("\nIn the archive since an hour before that time:")
        say(table(rows))
        say_unreadable(spool)
        say("\nThis was a dry run: nothing was changed.")

    def replace(self, current: Generation, stack: Stack, target: Generation) -> None:
        """The old storage stack says by what it was replaced."""
        current.stacks.bring_up_to_date(
            "storage", {**stack.parameters, "ReplacedBy": target.prefix}, self.agreement
        )

    def finish(self, target: Generation) -> None:
        """Tells everybody which tables to use, and starts the service again."""
        users = Stacks(self.accounts, "service")
        told = tables.parameters(target, self._stack_of(target).outputs)
        for template in USERS:
            if (user := users.find(template)) is None:
                say(f"{self.settings.stack(template)} is not there and needs not be told")
                continue
            users.bring_up_to_date(
                template,
                {**user.parameters, **{k: v for k, v in told.items() if k in user.parameters}},
                self.agreement,
            )
        self.functions.start()
        say("the functions run")
        self.point_in_time.remove(target)
        say(
            "Restored. The tables before are still there; when nobody needs them any more, switch their "
            "protection off and delete them, but not the bucket with their changes."
        )

    def show_plan(self, current: Generation, target: Generation) -> None:
        """What is going to happen."""
        say(f"Restore {self.settings.name} to {self.to:%Y-%m-%dT%H:%M:%SZ}:")
        say(f"  1. functions {', '.join(self.functions.names())}: stopped")
        say(
            f"  2. the archive of {current.prefix}* is awaited and read from {self.to - MARGIN:%Y-%m-%dT%H:%M:%SZ} on"
        )
        say(
            f"  3. stack {target.settings.stack('storage')}: new tables {target.prefix}*, a new bucket for changes"
        )
        say(f"  4. {len(archived())} tables recovered to that time, beside them")
        say(
            "  5. every row written as it was then, or as the archive has it since; all rows checked"
        )
        say(
            f"  6. {current.settings.stack('storage')} is marked as replaced; {', '.join(USERS)} are told"
        )
        say("  7. functions started, what was recovered for step 4 deleted")
        say("Tables that are not archived (ceremonies, idempotency, limits, fleet) start empty.")
        if self.accident:
            say("Removals of devices, backups and factors in the time of the accident are undone.")

    def _origin(self, number: int) -> str:
        """What the new storage stack says of itself, by which a run knows its own."""
        source = tables.restored_from(tables.generation(self.accounts, number))
        text = f"{source}{self.to:%Y-%m-%dT%H:%M:%SZ}"
        if self.accident:
            text += f" undoing removals of {self.accident.start} to {self.accident.end}"
        return text

    def _stack_of(self, of: Generation) -> Stack:
        stack = self._at_rest(of)
        if stack is None:
            raise Refused(f"there is no stack {of.settings.stack('storage')}: nothing to restore")
        return stack

    def _at_rest(self, of: Generation) -> Stack | None:
        """What an interrupted run has begun is waited for. None if there is no stack yet."""
        while stack := of.stack():
            if stack.status == "REVIEW_IN_PROGRESS":
                # Only a change set was made, and never carried out.
                return None
            if not stack.status.endswith("_IN_PROGRESS"):
                return stack
            time.sleep(POLL_SECONDS)
        return None

    def _refuse_older_stacks(self) -> None:
        """Before anything stands still: whoever cannot be told would go on with the old tables."""
        users = Stacks(self.accounts, "service")
        for template in USERS:
            user = users.find(template)
            if user and "TablePrefix" not in user.parameters:
                raise Refused(
                    f"{user.name} is older than this: bring it up to date with infra/deploy first"
                )

    def _refuse_another_restore(self, current: Generation, target: Generation) -> None:
        stack = self._at_rest(target)
        # A first attempt that failed left nothing: it is made anew.
        if stack is None or stack.status == "ROLLBACK_COMPLETE":
            return
        if stack.parameters.get("RestoredFrom") != self._origin(current.number):
            raise Refused(
                f"{stack.name} is of another restore ({stack.parameters.get('RestoredFrom')}, "
                f"{stack.status}), which was not finished. Give that one's arguments, or delete its stack and its tables first"
            )

    def _refuse_unfinished(self, used: Generation, stack: Stack) -> None:
        """Of a restore whose new tables are in use, while the functions still know the old ones.

        Whatever these would commit now, into tables that were replaced, would be lost later.
        """
        users = Stacks(self.accounts, "service")
        for template in USERS:
            user = users.find(template)
            if user and user.parameters.get("TablePrefix", self.settings.prefix) != used.prefix:
                raise Refused(
                    f"the tables {used.prefix}* are in use already, and {user.name} does not know it: finish "
                    "the restore that made them, by the same command with its arguments "
                    f"({stack.parameters.get('RestoredFrom')})"
                )

    def _refuse_forgotten(self, stack: Stack) -> None:
        """Of changes that the bucket has deleted nothing would be known."""
        days = int(stack.parameters["RecordRetentionDays"])
        first = datetime.now(UTC) - timedelta(days=days)
        if self.to - MARGIN < first:
            raise Refused(
                f"the archive keeps changes for {days} days only, RecordRetentionDays of {stack.name}: "
                f"it reaches back to {first + MARGIN:%Y-%m-%dT%H:%M:%SZ}"
            )

    def _refuse_unreadable(self, spool: Spool) -> None:
        say_unreadable(spool)
        if spool.unreadable and not self.although_missing:
            raise Refused(
                f"{len(spool.unreadable)} objects of the archive cannot be read, and may have held changes. "
                "To restore without them, give --although-changes-are-missing"
            )

    def _refuse_gaps(self, gaps: dict[str, int]) -> None:
        if not gaps:
            return
        named = ", ".join(f"{count} of {name}" for name, count in gaps.items())
        text = (
            f"of {sum(gaps.values())} rows the archive lacks changes ({named}): "
            "they may be older than they were"
        )
        if not self.although_missing:
            raise Refused(f"{text}. To restore nevertheless, give --although-changes-are-missing")
        say(f"  {text}")


def say_unreadable(spool: Spool) -> None:
    """Objects that are not the janitor's, or no longer."""
    for reason in list(spool.unreadable.values())[:MOST_NAMED]:
        say(f"  passed over: {reason}")


def archive_of(
    spool: Spool, name: str, accident: Accident | None
) -> tuple[int, int, int, int, str]:
    """Changes, rows, removals that were not the clock's, those in an accident, time of the last."""
    changes = rows = removals = undone = last = 0
    for lines in spool.rows(name):
        rows += 1
        changes += len(lines)
        for line in lines:
            last = max(last, line.at_unix_s)
            if line.removal and not line.expired:
                removals += 1
                undone += bool(accident and accident.covers(line.at_unix_s))
    at = f"{datetime.fromtimestamp(last, UTC):%Y-%m-%dT%H:%M:%SZ}" if last else "never"
    return changes, rows, removals, undone, at


def moment(text: str) -> datetime:
    """A whole second, in UTC."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a time is like 2026-11-20T16:00:00Z") from error


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "infra/restore",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("settings", type=Path, help="see infra/deployment.example.toml")
    parser.add_argument("--to", type=moment, required=True, help="the time to go back to")
    parser.add_argument(
        "--accident",
        type=moment,
        nargs=2,
        metavar=("FROM", "UNTIL"),
        help="when rows were removed by mistake: they come back, with what users removed meanwhile",
    )
    parser.add_argument(
        "--abandon", action="store_true", help="only start the functions that a refused run stopped"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show the plan and the archive")
    parser.add_argument("--yes", action="store_true", help="agree to everything; for pipelines")
    parser.add_argument(
        "--although-changes-are-missing",
        dest="although_missing",
        action="store_true",
        help="restore although the archive is known to be incomplete: something may go back",
    )
    given = parser.parse_args(words)
    if given.accident and given.accident[0] > given.accident[1]:
        parser.error("--accident: it ends before it begins")

    def work() -> None:
        settings = read(given.settings)
        accident = (
            Accident(*(int(it.timestamp()) for it in given.accident)) if given.accident else None
        )
        restore = Restore(
            settings,
            Accounts(settings),
            Agreement(given.yes),
            given.to,
            accident,
            given.dry_run,
            given.although_missing,
        )
        restore.abandon() if given.abandon else restore.run()

    return reported("infra/restore", work)


if __name__ == "__main__":
    sys.exit(main())

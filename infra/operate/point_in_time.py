"""Recovery of tables to a point in time, into tables that are there for the restore only."""

import time
from datetime import datetime

from botocore.exceptions import ClientError

from operate import Refused
from operate.accounts import Accounts
from operate.agreement import say
from operate.tables import Generation, archived

POLL_SECONDS = 15


class PointInTime:
    """DynamoDB's own recovery. It always makes a new table."""

    # Of the tables that it makes, behind the name of the table that they are for.
    SUFFIX = "-recovered"

    def __init__(self, accounts: Accounts):
        self.client = accounts.service("dynamodb")

    def check(self, current: Generation, to: datetime) -> None:
        """Refuses a time that a table cannot be recovered to."""
        for name in archived():
            table = current.table(name)
            try:
                answer = self.client.describe_continuous_backups(TableName=table)
            except self.client.exceptions.TableNotFoundException as error:
                raise Refused(
                    f"{table} is gone, and with it the last word on what was committed: have it restored "
                    "from the backup that DynamoDB made of it, under its old name, first"
                ) from error
            recovery = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
            first = recovery.get("EarliestRestorableDateTime")
            last = recovery.get("LatestRestorableDateTime")
            if first is None or last is None:
                raise Refused(f"{table} cannot be recovered to a point in time")
            if not first <= to <= last:
                raise Refused(f"{table} can be recovered to a time from {first} to {last} only")

    def restore(self, current: Generation, target: Generation, to: datetime) -> None:
        """Makes a copy of each archived table as it was, and waits for all of them."""
        for name in archived():
            if self._status(target, name) is None:
                self.begin(current.table(name), target.table(name) + self.SUFFIX, to)
        for name in archived():
            while (status := self._status(target, name)) != "ACTIVE":
                say(f"  {target.table(name)}{self.SUFFIX} is {status}")
                time.sleep(POLL_SECONDS)

    def begin(self, source: str, made: str, to: datetime) -> None:
        """Starts the recovery of one table."""
        self.client.restore_table_to_point_in_time(
            SourceTableName=source,
            TargetTableName=made,
            RestoreDateTime=to,
            BillingModeOverride="PAY_PER_REQUEST",
            # Indexes cost time, and nobody asks these tables by them.
            GlobalSecondaryIndexOverride=[],
            SSESpecificationOverride={"Enabled": True, "SSEType": "KMS"},
        )

    def remove(self, target: Generation) -> None:
        """Deletes the copies."""
        for name in archived():
            if self._status(target, name) is not None:
                self.client.delete_table(TableName=target.table(name) + self.SUFFIX)

    def _status(self, target: Generation, name: str) -> str | None:
        try:
            found = self.client.describe_table(TableName=target.table(name) + self.SUFFIX)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        return found["Table"]["TableStatus"]

"""Takes a deployment down. What holds data stays: tables, buckets, and the key.

Their stacks stay too, so `infra/deploy` brings the deployment back with all wallets. The key is put into
the state in which nobody can use it.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from botocore.exceptions import ClientError

from operate import Refused, tables
from operate.accounts import Accounts
from operate.agreement import Agreement, answer, say, table
from operate.deploy import Deployment, reported
from operate.policy import Named
from operate.settings import Settings, read
from operate.stacks import Stacks

# Each uses what comes behind it.
WITHOUT_DATA = (
    ("edge", "edge"),
    ("service", "watch"),
    ("service", "api"),
    ("service", "hosts"),
    ("service", "network"),
)
KEY_DELETION_DAYS = 30
GB = 1e9
# US dollars a month, list prices of us-east-1 in 2026: storage and backups of a table, storage of a
# bucket, one key. For an idea, not for a budget.
PER_GB_TABLE, PER_GB_BACKUP, PER_GB_BUCKET, PER_KEY = 0.25, 0.20, 0.023, 1.0


@dataclass
class Destruction:
    """One run."""

    settings: Settings
    accounts: Accounts
    agreement: Agreement
    only: str | None = None
    and_data: bool = False

    def run(self) -> None:
        if self.and_data:
            self._ask_for_the_name()
        if self.only != "service":
            self.close_key()
        if self.only != "key":
            self.take_down()
        if self.and_data:
            self.delete_data()
        else:
            self.say_what_is_kept()

    def close_key(self) -> None:
        """Nobody can use the key until `infra/deploy` names an image again.

        The policy has to be written anew in any case: KMS knows the hosts' role by an identity that a
        role of the same name will not have.
        """
        if self.stacks("keys").find("key") is None:
            return
        self._deployment().key_stack(Named())

    def take_down(self) -> None:
        """Deletes the stacks in which there is no data."""
        for account, template in WITHOUT_DATA:
            stacks = self.stacks(account)
            if stacks.find(template) is None:
                continue
            self.agreement.ask(f"Delete the stack {self.settings.stack(template)}?")
            stacks.delete(template)
            say(f"{self.settings.stack(template)}: deleted")

    def say_what_is_kept(self) -> None:
        rows = [("kept", "what", "GB", "USD/month")]
        held = []
        if self.only != "key":
            held += [
                it for one, template in self._with_data() for it in one._held("service", template)
            ]
        if self.only != "service":
            held += self._held("keys", "key")
        rows += [(kind, name, *self._cost(kind, name)) for kind, name in held]
        if len(rows) > 1:
            say("\nKept, with their stacks; the prices are rough:")
            say(table(rows))
            say(
                "Logs are kept too, each until its time is over. `infra/deploy` brings the deployment "
                "back; --and-data deletes the data."
            )

    def delete_data(self) -> None:
        """Deletes what can be deleted, and says what cannot be yet."""
        left = []
        if self.only != "key":
            for one, template in self._with_data():
                left += one._delete_held("service", template)
        if self.only != "service":
            left += self._delete_held("keys", "key")
        for line in left:
            say(f"  {line}")
        if left:
            say("Give the same command again when these can go.")

    def _with_data(self) -> list[tuple["Destruction", str]]:
        """Stacks of the service with data: those of all tables, also such as a restore replaced."""
        storages = (
            replace(self, settings=of.settings, accounts=of.accounts)
            for of in tables.existing(self.accounts)
        )
        return [*((one, "storage") for one in storages), (self, "artifacts")]

    def stacks(self, account: str) -> Stacks:
        return self._deployment().stacks(account)

    def _deployment(self) -> Deployment:
        return Deployment(self.settings, self.accounts, self.agreement)

    def _ask_for_the_name(self) -> None:
        """No flag stands in for it: a pipeline must not be able to do this."""
        say(
            f"This deletes the tables, the buckets and the key of {self.settings.name}. Without them "
            "no wallet can sign or be restored, ever."
        )
        if answer("Type the deployment's name: ") != self.settings.name:
            raise Refused("that is not its name; nothing was deleted")

    def _held(self, account: str, template: str) -> list[tuple[str, str]]:
        """Kind and physical name of what holds data in a stack."""
        stacks = self.stacks(account)
        if stacks.find(template) is None:
            return []
        kinds = {
            "AWS::DynamoDB::Table": "table",
            "AWS::S3::Bucket": "bucket",
            "AWS::KMS::Key": "key",
        }
        return [
            (kinds[it["ResourceType"]], it["PhysicalResourceId"])
            for it in stacks.resources(template)
            if it["ResourceType"] in kinds and it.get("PhysicalResourceId")
        ]

    def _cost(self, kind: str, name: str) -> tuple[str, str]:
        if kind == "key":
            return "", f"{PER_KEY:.2f}"
        if kind == "table":
            found = self.accounts.service("dynamodb").describe_table(TableName=name)["Table"]
            size = found.get("TableSizeBytes", 0)
            return f"{size / GB:.3f}", f"{size / GB * (PER_GB_TABLE + PER_GB_BACKUP):.2f}"
        size = sum(it["Size"] for it in self._versions(name) if "Size" in it)
        return f"{size / GB:.3f}", f"{size / GB * PER_GB_BUCKET:.2f}"

    def _versions(self, bucket: str):
        """Every version and every mark of a deletion."""
        pages = self.accounts.service("s3").get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket):
            yield from page.get("Versions", [])
            yield from page.get("DeleteMarkers", [])

    def _delete_held(self, account: str, template: str) -> list[str]:
        """Deletes a stack with its data; a line on everything that has to stay for now."""
        if self.stacks(account).find(template) is None:
            return []
        delete = {
            "table": self._delete_table,
            "bucket": self._delete_bucket,
            "key": self._delete_key,
        }
        left = [
            line for kind, name in self._held(account, template) if (line := delete[kind](name))
        ]
        if not any(line.startswith("bucket") for line in left):
            # What is left is named above; a stack that is gone could not name a bucket any more.
            self.stacks(account).delete(template)
            say(f"{self.settings.stack(template)}: deleted")
        return left

    def _delete_table(self, name: str) -> str | None:
        dynamodb = self.accounts.service("dynamodb")
        try:
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=name)
            dynamodb.delete_table(TableName=name)
        except dynamodb.exceptions.ResourceNotFoundException:
            return None
        say(f"table {name}: deleted")
        return None

    def _delete_bucket(self, name: str) -> str | None:
        s3 = self.accounts.service("s3")
        try:
            # It forbids deletions, to everybody; the lock forbids them still.
            s3.delete_bucket_policy(Bucket=name)
            locked = 0
            for it in list(self._versions(name)):
                try:
                    s3.delete_object(Bucket=name, Key=it["Key"], VersionId=it["VersionId"])
                except ClientError as error:
                    if error.response["Error"]["Code"] != "AccessDenied":
                        raise
                    locked += 1
            if locked:
                return f"bucket {name}: {locked} objects are locked, until their retention ends"
            s3.delete_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise
        say(f"bucket {name}: deleted")
        return None

    def _delete_key(self, name: str) -> str | None:
        kms = self.accounts.keys("kms")
        state = kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"]
        if state != "PendingDeletion":
            kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=KEY_DELETION_DAYS)
        return f"key {name}: goes in {KEY_DELETION_DAYS} days, until then its deletion can be cancelled"


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("infra/destroy", description=__doc__)
    parser.add_argument("settings", type=Path, help="see infra/deployment.example.toml")
    parser.add_argument("--only", choices=("key", "service"), help="with one account's credentials")
    parser.add_argument(
        "--yes", action="store_true", help="agree to everything but the loss of data"
    )
    parser.add_argument(
        "--and-data",
        action="store_true",
        help="also delete tables, buckets and the key, after the deployment's name was typed",
    )
    given = parser.parse_args(words)

    def work() -> None:
        settings = read(given.settings)
        accounts = Accounts(settings)
        agreement = Agreement(given.yes)
        Destruction(settings, accounts, agreement, given.only, given.and_data).run()

    return reported("infra/destroy", work)


if __name__ == "__main__":
    sys.exit(main())

"""A deployment with tables and an archive, and what happens to it.

The emulator has no recovery to a point in time and no functions, so these are stood in for, and nothing
else: recovery by a photograph of the tables, Lambda by a note of who was stopped, and the templates of those
who use tables (api, hosts, watch) by a template that only has their parameters.
"""

import contextlib
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from operate import drain, point_in_time, restore, stacks, tables
from operate.accounts import Accounts
from operate.agreement import Agreement
from operate.archive import to_item
from operate.merge import scan, write
from operate.restore import USERS, Restore
from operate.settings import parse
from operate.stacks import Stacks
from operate.tables import Generation, archived, stream_output

SERVICE = "111111111111"
STAND_IN = {
    "Resources": {
        "Told": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Value": {"Ref": "TablePrefix"}},
        }
    }
}


class World:
    """One deployment; used in a `with`."""

    def __init__(self, name: str, made: bool = False):
        """`made`: its storage stack is there already, and no other is."""
        self.made = made
        keys = "222222222222"
        role = f"arn:aws:iam::{keys}:role/x"
        self.settings = parse(
            {
                "name": name,
                "region": os.environ["AWS_REGION"],
                "accounts": {"service": {"id": SERVICE}, "keys": {"id": keys}},
                "key": {"break_glass_role": role, "audit_role": role},
            },
            Path("."),
        )
        self.accounts = Accounts(self.settings)
        self.dynamodb = self.accounts.service("dynamodb")
        self.s3 = self.accounts.service("s3")
        self.stacks = Stacks(self.accounts, "service")
        self.functions = FunctionsNote()
        self.photograph: dict[str, list[dict]] = {}

    def __enter__(self):
        with contextlib.ExitStack() as undone:
            folder = Path(undone.enter_context(tempfile.TemporaryDirectory()))
            (folder / "storage.yaml").write_text((stacks.TEMPLATES / "storage.yaml").read_text())
            names = ["Prefix", "TablePrefix", "RecordsBucket", *map(stream_output, archived())]
            for template in USERS:
                # Only the api is told of streams.
                known = names if template == "api" else names[:2]
                told = {**STAND_IN, "Parameters": {it: {"Type": "String"} for it in known}}
                (folder / f"{template}.yaml").write_text(json.dumps(told))
            for where, name, value in [
                (stacks, "TEMPLATES", folder),
                (stacks, "POLL_SECONDS", 0.05),
                (point_in_time, "POLL_SECONDS", 0.05),
                (restore, "POLL_SECONDS", 0.05),
                # Nothing that is late comes later here.
                (drain, "WAIT_SECONDS", 0),
                (drain, "POLL_SECONDS", 0),
                # Here a stream has an end when it says so once.
                (drain, "EMPTY_ANSWERS", 1),
                (drain, "EMPTY_PAUSE_SECONDS", 0),
            ]:
                undone.enter_context(mock.patch.object(where, name, value))
            if not self.made:
                self._make()
            self._undone = undone.pop_all()
        return self

    def _make(self) -> None:
        self.stack("storage", Prefix=self.settings.prefix)
        # The emulator calls a stack complete a little before it has outputs.
        while not (outputs := self.stacks.find("storage").outputs):
            time.sleep(0.05)
        told = tables.parameters(self.current, outputs)
        self.stack("api", Prefix=self.settings.prefix, **told)
        for template in USERS[1:]:
            self.stack(template, Prefix=self.settings.prefix, TablePrefix=self.settings.prefix)

    def __exit__(self, *_):
        self._undone.close()

    def stack(self, template: str, **parameters: str):
        return self.stacks.bring_up_to_date(template, parameters, Agreement(always=True))

    @property
    def bucket(self) -> str:
        """Of the tables in use."""
        return self.current.stack().outputs["RecordsBucket"]

    @property
    def current(self) -> Generation:
        return tables.in_use(self.accounts)

    def told(self, template: str) -> dict[str, str]:
        return self.stacks.find(template).parameters

    # What the service does.

    def put(self, table: str, pk: str, sk: str, version: int, content: str, **more) -> None:
        """A commit."""
        item = {
            "pk": {"S": pk},
            "sk": {"S": sk},
            "version": {"N": str(version)},
            "bytes": {"B": content.encode()},
            "row": {"M": {"text": {"S": content}}},
            **more,
        }
        self.dynamodb.put_item(TableName=self.current.table(table), Item=item)

    def remove(self, table: str, pk: str, sk: str) -> None:
        self.dynamodb.delete_item(
            TableName=self.current.table(table), Key={"pk": {"S": pk}, "sk": {"S": sk}}
        )

    def content(self, table: str, pk: str, sk: str) -> tuple[int, str] | None:
        """Version and content of a row of the tables in use."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        name = self.current.table(table)
        item = self.dynamodb.get_item(TableName=name, Key=key, ConsistentRead=True).get("Item")
        return item and (int(item["version"]["N"]), item["bytes"]["B"].decode())

    def rows(self, of: Generation | None = None) -> dict[str, list[dict]]:
        """Everything in the archived tables."""
        of = of or self.current
        key = lambda it: (it["pk"]["S"], it["sk"]["S"])
        return {it: sorted(scan(self.dynamodb, of.table(it)), key=key) for it in archived()}

    def tables(self) -> set[str]:
        """Names of all tables of the deployment."""
        pages = self.dynamodb.get_paginator("list_tables").paginate()
        names = (name for page in pages for name in page["TableNames"])
        return {name for name in names if name.startswith(self.settings.prefix)}

    def objects(self) -> set[str]:
        """Names of what is in the archive."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {it["Key"] for page in pages for it in page.get("Contents", [])}

    # The restore.

    def photographed(self) -> None:
        """The moment that will be gone back to."""
        self.photograph = {self.current.table(it): rows for it, rows in self.rows().items()}

    def restoring(self, **how) -> Restore:
        """A run that has not begun."""
        run = Restore(
            self.settings,
            self.accounts,
            Agreement(always=True),
            how.pop("to", datetime.now(UTC).replace(microsecond=0)),
            **how,
        )
        run.functions = self.functions
        run.point_in_time.check = lambda *_: None
        run.point_in_time.begin = self._recover
        return run

    def _recover(self, source: str, made: str, to: datetime) -> None:
        """In place of DynamoDB's recovery."""
        self.dynamodb.create_table(
            TableName=made,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": it, "AttributeType": "S"} for it in ("pk", "sk")
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        rows = self.photograph[source]
        write(self.dynamodb, made, ({"PutRequest": {"Item": to_item(it)}} for it in rows))


@dataclass
class FunctionsNote:
    """In place of Lambda."""

    running: bool = True
    stops: int = field(default=0)

    def names(self) -> list[str]:
        return ["functions"]

    def stop(self) -> None:
        self.running = False
        self.stops += 1

    def start(self) -> None:
        self.running = True

"""Writing and checking the rows of a new table, beside tables that are lists."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from operate import Refused
from operate.archive import Line, Spool, fingerprint
from operate.merge import Merge

NOW = 1_000


def row(sk: str, version: int = 1, expires_at: int | None = None) -> dict:
    expiry = {} if expires_at is None else {"expires_at": {"N": str(expires_at)}}
    return {"pk": {"S": "u"}, "sk": {"S": sk}, "version": {"N": str(version)}, **expiry}


def inserted(image: dict) -> Line:
    sk = image["sk"]["S"]
    return Line("s", sk[-1], NOW, "INSERT", False, "u", sk, image, fingerprint(image), None)


class Tables:
    """What of DynamoDB a merge uses."""

    def __init__(self, **tables: list[dict]):
        self.tables = {name: {it["sk"]["S"]: it for it in rows} for name, rows in tables.items()}

    def get_paginator(self, _):
        return self

    def paginate(self, TableName, **_):
        return [{"Items": list(self.tables[TableName].values())}]

    def get_item(self, TableName, Key, **_):
        found = self.tables[TableName].get(Key["sk"]["S"])
        return {"Item": found} if found else {}

    def batch_write_item(self, RequestItems):
        for name, requests in RequestItems.items():
            for it in requests:
                if "PutRequest" in it:
                    item = it["PutRequest"]["Item"]
                    self.tables[name][item["sk"]["S"]] = item
                else:
                    self.tables[name].pop(it["DeleteRequest"]["Key"]["sk"]["S"], None)
        return {}


class Merges(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.clock = self.enterContext(mock.patch("time.time", return_value=NOW))

    def merged(self, tables: Tables, *lines: Line) -> tuple[Merge, str]:
        spool = Spool(":memory:")
        spool.add("sessions", lines)
        merge = Merge(tables, spool, "sessions", None, self.folder / "notes")
        return merge, str(merge.write("recovered", "old", "new"))

    def test_a_row_whose_time_is_over_is_not_written_and_not_missing(self):
        over, came = row("1", expires_at=NOW), row("2", expires_at=NOW - 5)
        stays = row("3", expires_at=2**64)
        # An earlier run wrote the one before its time was over.
        tables = Tables(recovered=[over, stays], old=[over, came, stays], new=[over])
        merge, counts = self.merged(tables, inserted(came))
        self.assertEqual(list(tables.tables["new"]), ["3"])
        self.assertIn("2 expired", counts)
        self.assertIn("0 gaps", counts)
        self.assertEqual(merge.verify("new"), 1)

    def test_what_the_tables_clock_removed_before_it_was_counted_is_not_missing(self):
        soon, stays = row("1", expires_at=NOW + 60), row("2")
        came = row("3", expires_at=NOW + 60)
        tables = Tables(recovered=[soon, stays], old=[soon, stays, came], new=[])
        merge, _ = self.merged(tables, inserted(came))
        self.assertEqual(merge.verify("new"), 3)
        tables.tables["new"] = {"2": stays}
        with self.assertRaisesRegex(Refused, "new lacks 2 rows"):
            merge.verify("new")
        self.clock.return_value = NOW + 60
        self.assertEqual(merge.verify("new"), 1)
        # That is no excuse for what has no end.
        tables.tables["new"] = {}
        with self.assertRaisesRegex(Refused, "new lacks 1 rows"):
            merge.verify("new")

    def test_a_row_of_the_old_table_alone_is_written_and_counts_as_a_gap(self):
        tables = Tables(recovered=[], old=[row("1")], new=[])
        merge, counts = self.merged(tables)
        self.assertIn("1 added", counts)
        self.assertIn("1 gaps", counts)
        self.assertEqual(merge.verify("new"), 1)

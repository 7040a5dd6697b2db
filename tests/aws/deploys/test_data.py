"""What holds data is neither lost nor left behind, whatever an operator gives."""

import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import deploying
from operate import Refused, release, stacks


class Data(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.dynamodb = deploying.client("dynamodb", deploying.SERVICE)
        self.s3 = deploying.client("s3", deploying.SERVICE)

    def stored(self, name: str) -> deploying.Operator:
        """A deployment with its tables, in one of which there is a row."""
        operator = deploying.Operator(self.folder, name)
        operator.deployment().stack("storage", Prefix=f"{name}-")
        row = {"pk": {"S": "t#u"}, "sk": {"S": "w"}}
        self.dynamodb.put_item(TableName=f"{name}-wallets", Item=row)
        return operator

    def rows(self, name: str) -> int:
        return self.dynamodb.scan(TableName=f"{name}-wallets", ConsistentRead=True)["Count"]

    def tables(self, name: str) -> int:
        pages = self.dynamodb.get_paginator("list_tables").paginate()
        return sum(it.startswith(f"{name}-") for page in pages for it in page["TableNames"])

    def with_template(self, change) -> mock.patch:
        """infra/deploy, come from a checkout whose storage.yaml is another."""
        folder = Path(tempfile.mkdtemp(dir=self.folder)) / "templates"
        shutil.copytree(stacks.TEMPLATES, folder)
        path = folder / "storage.yaml"
        path.write_text(change(path.read_text()))
        return mock.patch.object(stacks, "TEMPLATES", folder)

    def test_a_table_that_would_be_replaced_is_not(self):
        operator = self.stored("renamed")
        renamed = lambda text: text.replace("${Prefix}wallets", "${Prefix}purses")
        with self.with_template(renamed), self.assertRaisesRegex(Refused, "Table Wallets"):
            operator.deployment().stack("storage", Prefix="renamed-")
        self.assertEqual(self.rows("renamed"), 1)
        self.assertEqual(self.tables("renamed"), 13)

    def test_a_table_and_a_bucket_that_would_be_forgotten_are_not(self):
        operator = self.stored("forgotten")

        def without(text):
            tables, buckets = text.split("  # Enclave hosts: key id", 1)
            return (
                tables
                + "  # Enclave hosts: key id"
                + buckets.split("  # The audit log.", 1)[0]
                + ("Outputs:\n  RecordsBucket: {Value: !Ref Records}\n")
            )

        with self.with_template(without), self.assertRaisesRegex(Refused, "S3::Bucket Audit"):
            operator.deployment().stack("storage", Prefix="forgotten-")
        kinds = [
            it["ResourceType"]
            for it in operator.deployment().stacks("service").resources("storage")
        ]
        self.assertEqual(kinds.count("AWS::S3::Bucket"), 2)

    def test_a_deployment_that_is_up_to_date_is_left_alone(self):
        operator = self.stored("again")
        service = operator.deployment().stacks("service")
        before = service.client.describe_stacks(StackName="again-storage")["Stacks"][0]
        operator.deployment().stack("storage", Prefix="again-")
        after = service.client.describe_stacks(StackName="again-storage")["Stacks"][0]
        self.assertEqual(before.get("LastUpdatedTime"), after.get("LastUpdatedTime"))
        self.assertEqual(self.rows("again"), 1)

    def test_a_run_that_ended_before_the_change_set_was_executed_is_given_again(self):
        operator = deploying.Operator(self.folder, "ended")
        deployment = operator.deployment()
        with mock.patch.object(stacks.Stacks, "_forget"):
            with mock.patch.object(
                deployment.agreement.__class__, "ask", side_effect=KeyboardInterrupt
            ):
                with self.assertRaises(KeyboardInterrupt):
                    deployment.stack("storage", Prefix="ended-")
        found = operator.deployment().stacks("service").find("storage")
        self.assertEqual(found.status, "REVIEW_IN_PROGRESS")
        self.assertTrue(operator.deployment().stack("storage", Prefix="ended-").settled)

    def test_two_deployments_share_an_account_and_nothing_else(self):
        for name in ("left", "right"):
            self.stored(name)
        self.dynamodb.put_item(TableName="left-wallets", Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
        self.assertEqual((self.rows("left"), self.rows("right")), (2, 1))

    def test_a_release_is_uploaded_once_and_nobody_can_take_it_away(self):
        operator = deploying.Operator(self.folder, "released")
        operator.has_image(1)
        bucket = operator.deployment().stack("artifacts").outputs["ArtifactBucket"]
        one = release.functions(operator.has_built(), "x86_64", stacks.TEMPLATES)
        uploaded = []
        for _ in range(2):
            with mock.patch.object(release, "say", uploaded.append):
                one.upload(self.s3, bucket)
        self.assertEqual(len(uploaded), len(one.files))
        listed = self.s3.list_objects_v2(Bucket=bucket)["Contents"]
        self.assertEqual({it["Key"] for it in listed}, {f"{one.folder}/{it}" for it in one.files})
        lock = self.s3.get_object_retention(Bucket=bucket, Key=listed[0]["Key"])["Retention"]
        self.assertEqual(lock["Mode"], "COMPLIANCE")

    def test_taking_a_deployment_down_keeps_its_data(self):
        operator = self.stored("kept")
        bucket = operator.deployment().stack("artifacts").outputs["ArtifactBucket"]
        self.s3.put_object(Bucket=bucket, Key="release", Body=b"x")
        for _ in range(2):
            self.assertEqual(operator.destroy("--only", "service", "--yes"), 0)
        self.assertEqual(self.rows("kept"), 1)
        self.assertEqual(self.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 1)
        # It comes back as if nothing had been.
        self.assertTrue(operator.deployment().stack("storage", Prefix="kept-").settled)
        self.assertEqual(self.rows("kept"), 1)

    def test_data_goes_only_with_the_name_typed_and_locked_objects_stay(self):
        operator = self.stored("gone")
        bucket = operator.deployment().stack("storage", Prefix="gone-").outputs["RecordsBucket"]
        self.s3.put_object(Bucket=bucket, Key="record", Body=b"sealed")
        given = ("--only", "service", "--yes", "--and-data")
        for typed in ("", "yes", "gon"):
            self.assertEqual(operator.destroy(*given, typed=typed), 1)
        self.assertEqual(self.rows("gone"), 1)
        for _ in range(2):
            self.assertEqual(operator.destroy(*given, typed="gone"), 0)
            self.assertEqual(self.tables("gone"), 0)
            self.assertEqual(self.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 1)
            # Something must still know the bucket's name.
            self.assertIsNotNone(operator.deployment().stacks("service").find("storage"))

    def test_a_key_that_goes_can_still_be_kept_for_a_month(self):
        operator = deploying.Operator(self.folder, "pending")
        operator.has_image(1)
        operator.deploy("--only", "key", "--yes", "--without-release")
        key = operator.deployment().stacks("keys").find("key").outputs["KeyArn"]
        self.assertEqual(
            operator.destroy("--only", "key", "--yes", "--and-data", typed="pending"), 0
        )
        found = operator.deployment().accounts.keys("kms").describe_key(KeyId=key)["KeyMetadata"]
        self.assertEqual(found["KeyState"], "PendingDeletion")
        self.assertIsNone(operator.deployment().stacks("keys").find("key"))

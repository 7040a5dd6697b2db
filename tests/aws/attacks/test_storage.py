"""What CloudFormation made of storage.yaml. The emulator forgets the tables' protection against
deletion and their recovery to a point in time; `./dev test infra` looks at those in the template.
"""

import os
import unittest

from botocore.exceptions import ClientError

import deployment
from operate.tables import archived

PREFIX = os.environ["SHAREKEEP_TABLE_PREFIX"]


class Storage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tables = deployment.client("dynamodb", deployment.SERVICE)
        cls.names = cls.tables.list_tables()["TableNames"]
        cls.buckets = deployment.client("s3", deployment.SERVICE)

    def refused(self, code, operation, **parameters):
        with self.assertRaises(ClientError) as caught:
            operation(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    def test_every_table_is_as_the_template_says(self):
        self.assertEqual(len(self.names), 13)
        for name in self.names:
            with self.subTest(name):
                self.assertTrue(name.startswith(PREFIX))
                table = self.tables.describe_table(TableName=name)["Table"]
                self.assertEqual(table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
                if name.removeprefix(PREFIX) in archived():
                    stream = table["StreamSpecification"]
                    self.assertEqual(stream["StreamViewType"], "NEW_AND_OLD_IMAGES")
                else:
                    self.assertNotIn("StreamSpecification", table)
                self.assertEqual(table["SSEDescription"]["Status"], "ENABLED")
                ttl = self.tables.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
                self.assertEqual(ttl["AttributeName"], "expires_at")

    def test_what_is_in_the_locked_buckets_stays(self):
        for bucket in self.buckets.list_buckets()["Buckets"]:
            name = bucket["Name"]
            lock = self.buckets.get_object_lock_configuration(Bucket=name)
            retention = lock["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
            self.assertEqual(retention["Mode"], "COMPLIANCE")
            put = self.buckets.put_object(Bucket=name, Key="record", Body=b"sealed")
            self.refused(
                "AccessDenied",
                self.buckets.delete_object,
                Bucket=name,
                Key="record",
                VersionId=put["VersionId"],
                BypassGovernanceRetention=True,
            )

    def test_a_second_deployment_lives_beside_the_first(self):
        deployment.deploy("storage.yaml", "second", deployment.SERVICE, Prefix="second-")
        names = self.tables.list_tables()["TableNames"]
        self.assertEqual(len([name for name in names if name.startswith("second-")]), 13)
        self.assertEqual(len([name for name in names if name.startswith(PREFIX)]), 13)

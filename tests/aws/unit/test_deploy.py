"""The order of a deployment's steps, and what stacks are told, with CloudFormation stood in for."""

import contextlib
import io
import re
import unittest
from types import SimpleNamespace
from unittest import mock

from botocore.exceptions import ClientError

from operate import Refused, agreement, deploy
from operate.agreement import Agreement
from operate.deploy import Deployment
from operate.policy import Named
from operate.stacks import TEMPLATES, Stacks

API = (TEMPLATES / "api.yaml").read_text()


class CloudFormation:
    """One stack, as far as it is asked for."""

    def __init__(self, status: str | None, **resources: str):
        self.status, self.listed = status, resources
        # Action and type of each line of the next change set.
        self.planned: list[tuple[str, str]] = []
        self.parameters: dict[str, str] = {}
        self.asked: dict | None = None

    def describe_stacks(self, StackName: str) -> dict:
        if self.status is None:
            error = {"Code": "ValidationError", "Message": f"Stack {StackName} does not exist"}
            raise ClientError({"Error": error}, "DescribeStacks")
        values = [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()]
        one = {"StackName": StackName, "StackStatus": self.status, "Parameters": values}
        return {"Stacks": [one]}

    def get_template_summary(self, TemplateBody: str) -> dict:
        return {}

    def create_change_set(self, **asked) -> None:
        self.asked = asked

    def describe_change_set(self, **_named) -> dict:
        changes = [
            {"ResourceChange": {"Action": action, "LogicalResourceId": "It", "ResourceType": kind}}
            for action, kind in self.planned
        ]
        return {"Status": "CREATE_COMPLETE", "Changes": changes}

    def execute_change_set(self, **how) -> None:
        self.executed, self.status = how, "UPDATE_COMPLETE"

    def get_paginator(self, _name: str):
        rows = [
            {"LogicalResourceId": name, "ResourceStatus": status}
            for name, status in self.listed.items()
        ]
        return SimpleNamespace(paginate=lambda **_: [{"StackResourceSummaries": rows}])


def stacks(client: CloudFormation) -> Stacks:
    settings = SimpleNamespace(stack=lambda template: f"it-{template}", name="it")
    return Stacks(SimpleNamespace(of=lambda *_: client, settings=settings), "service")


class Roles(unittest.TestCase):
    """The key's policy may name the hosts' role only while it exists, or KMS refuses for ever."""

    def test_a_role_is_there_once_it_was_made_for_good(self):
        for status, role, there in [
            (None, None, False),
            ("REVIEW_IN_PROGRESS", None, False),
            ("CREATE_IN_PROGRESS", "CREATE_COMPLETE", False),
            ("ROLLBACK_COMPLETE", "DELETE_COMPLETE", False),
            ("ROLLBACK_IN_PROGRESS", "CREATE_COMPLETE", False),
            ("CREATE_FAILED", "CREATE_FAILED", False),
            ("CREATE_FAILED", "CREATE_COMPLETE", True),
            ("CREATE_COMPLETE", "CREATE_COMPLETE", True),
            ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_COMPLETE", True),
        ]:
            listed = {"Role": role} if role else {}
            client = CloudFormation(status, Profile="CREATE_COMPLETE", **listed)
            self.assertEqual(stacks(client).holds("hosts", "Role"), there, (status, role))


class Rollbacks(unittest.TestCase):
    def test_a_stack_that_is_not_whole_goes_on_without_a_rollback_whatever_is_added(self):
        table, function = "AWS::DynamoDB::Table", "AWS::Lambda::Function"
        for status, planned, disabled in [
            (None, ("Add", function), False),
            (None, ("Add", table), True),
            ("UPDATE_COMPLETE", ("Modify", table), False),
            ("UPDATE_COMPLETE", ("Add", table), True),
            ("CREATE_FAILED", ("Modify", function), True),
            ("UPDATE_FAILED", ("Add", function), True),
        ]:
            client = CloudFormation(status)
            client.planned = [planned]
            stacks(client).bring_up_to_date("artifacts", {}, Agreement(always=True))
            self.assertEqual(client.executed["DisableRollback"], disabled, (status, planned))


class Questions(unittest.TestCase):
    def service(self, **how) -> Deployment:
        image = SimpleNamespace(pcrs=("00", "11", "22"))
        settings = SimpleNamespace(image=image)
        return Deployment(settings, None, Agreement(always=True), only="service", **how)

    def test_agreeing_to_every_change_set_does_not_say_that_an_image_is_admitted(self):
        with self.assertRaisesRegex(Refused, "give --image-is-admitted"):
            self.service().admit()
        self.service(image_is_admitted="00").admit()
        for typed, refused in (("no", True), ("yes", False)):
            with mock.patch.object(agreement, "answer", lambda *_: typed):
                with self.assertRaises(Refused) if refused else contextlib.nullcontext():
                    self.service().admit()

    def test_another_image_than_the_one_that_was_admitted_is_not_started(self):
        with self.assertRaisesRegex(Refused, "has PCR0 ff, and the one of the settings 00"):
            self.service(image_is_admitted="ff").admit()

    def test_of_two_people_neither_builds_an_image_of_his_own(self):
        settings = SimpleNamespace(image=SimpleNamespace(file=None))
        for only in ("key", "service"):
            run = Deployment(settings, None, Agreement(always=True), only=only)
            with mock.patch.object(deploy.release, "image") as build:
                with self.assertRaisesRegex(Refused, f"with --only {only} nothing is built"):
                    run.run()
            build.assert_not_called()

    def test_the_key_admits_no_image_that_is_not_released_unless_told(self):
        image = SimpleNamespace(file="it", pcrs=("00", "11", "22"))
        admitted = SimpleNamespace(outputs={"KeyArn": "arn"})
        for before, without, refused in [
            (Named(), False, True),
            (Named(), True, False),
            (Named(("a", "b", "c")), False, True),
            (Named(image.pcrs), False, False),
        ]:
            settings = SimpleNamespace(image=image)
            run = Deployment(settings, None, Agreement(True), only="key", without_release=without)
            with (
                mock.patch.object(run, "named_now", lambda named=before: named),
                mock.patch.object(run, "key_stack", return_value=admitted) as key_stack,
                mock.patch.object(deploy.released, "signed", side_effect=Refused("unknown")),
                self.assertRaisesRegex(Refused, "unknown") if refused else contextlib.nullcontext(),
            ):
                run.key_alone()
            self.assertEqual(key_stack.called, not refused)

    def test_only_who_cannot_look_may_say_it(self):
        for words in (("--image-is-admitted=00",), ("--only", "key", "--image-is-admitted=00")):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                deploy.main(["settings.toml", *words])


class RollOvers(unittest.TestCase):
    OLD, NEW, OTHER = (",".join([digit * 96] * 3) for digit in "abc")

    def told(self, expected: str, image: str) -> dict | None:
        """The change set by which the interface is told, if it must be."""
        client = CloudFormation("UPDATE_COMPLETE")
        client.parameters = {"Release": "functions-1", "ExpectedPcrs": expected}
        client.planned = [("Modify", "AWS::Lambda::Function")]
        settings = SimpleNamespace(image=SimpleNamespace(pcrs=tuple(image.split(","))))
        run = Deployment(settings, None, Agreement(always=True), only="service")
        run._stacks["service"] = stacks(client)
        run.expect_both()
        return client.asked

    def test_both_images_are_expected_while_hosts_are_replaced(self):
        for expected, said in [
            (self.OLD, f"{self.OLD};{self.NEW}"),
            (f"{self.OTHER};{self.OLD}", f"{self.OLD};{self.NEW}"),
        ]:
            asked = self.told(expected, self.NEW)
            self.assertEqual(
                asked["Parameters"],
                [
                    {"ParameterKey": "Release", "UsePreviousValue": True},
                    {"ParameterKey": "ExpectedPcrs", "ParameterValue": said},
                ],
            )
            # Functions that are still called must stay as they are.
            self.assertTrue(asked["UsePreviousTemplate"])
            self.assertNotIn("TemplateBody", asked)
            takes = re.search(r"  ExpectedPcrs:\n(?:    .*\n)*?    AllowedPattern: \"(.*)\"", API)[1]
            self.assertTrue(re.fullmatch(takes, said))

    def test_nothing_is_told_that_is_known(self):
        for expected in (self.NEW, f"{self.OLD};{self.NEW}", f"{self.NEW};{self.OLD}", ""):
            self.assertIsNone(self.told(expected, self.NEW))

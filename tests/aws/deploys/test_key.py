"""The key through a deployment's life, by `infra/deploy --only key`, against KMS that reads policies."""

import os
import tempfile
import unittest
from pathlib import Path

from botocore.exceptions import ClientError

import deploying
import deployment
import nitro
from operate.policy import Named

ROOT = nitro.Authority.load(Path(os.environ["SHAREKEEP_TEST_NSM_ROOTS"]))
IMAGES = (1, 2, 3)
# Nobody signs for these images: how they come to be released is tried in `whole`.
ASKED = ("--only", "key", "--without-release")
ADMIT = (*ASKED, "--yes")


class Key(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def operator(self, name: str) -> deploying.Operator:
        return deploying.Operator(self.folder, name)

    def opened_by(self, operator: deploying.Operator) -> set[int]:
        """The images to whose enclaves, on this deployment's hosts, KMS gives data keys."""
        deployed = operator.deployment()
        key = deployed.stacks("keys").find("key").outputs["KeyArn"]
        hosts = deployment.client("kms", deploying.SERVICE, deployed.settings.host_role)
        context = {
            "service": "sharekeep",
            "deployment": operator.name,
            "tenant": "t",
            "purpose": "p",
        }
        opened = set()
        for image in IMAGES:
            enclave = nitro.Enclave(ROOT, deploying.image(image))
            try:
                answer = hosts.generate_data_key(
                    KeyId=key,
                    KeySpec="AES_256",
                    EncryptionContext=context,
                    Recipient=enclave.asking(),
                )
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "AccessDeniedException")
                continue
            self.assertNotIn("Plaintext", answer)
            opened.add(image)
        return opened

    def test_only_the_named_images_open_anything_from_the_first_to_the_next(self):
        operator = self.operator("life")
        self.assertEqual(operator.deploy(*ADMIT), 0)
        self.assertEqual(self.opened_by(operator), set())
        for image, more, opened in [
            (1, (), {1}),
            # Given again: nothing changes.
            (1, (), {1}),
            (2, (), {1, 2}),
            (2, (), {1, 2}),
            (2, ("--old-image-has-gone",), {2}),
            # The one before is a new one by now.
            (1, (), {1, 2}),
            # And the roll-over is called off.
            (2, ("--old-image-has-gone",), {2}),
        ]:
            operator.has_image(image)
            self.assertEqual(operator.deploy(*ADMIT, *more), 0)
            self.assertEqual(self.opened_by(operator), opened)

    def test_a_third_image_has_no_place_in_a_roll_over(self):
        operator = self.operator("third")
        for image, code in [(1, 0), (2, 0), (3, 1)]:
            operator.has_image(image)
            self.assertEqual(operator.deploy(*ADMIT), code)
        self.assertEqual(self.opened_by(operator), {1, 2})

    def test_what_nobody_agrees_to_is_not_done_and_can_be_asked_again(self):
        operator = self.operator("asked")
        # Nobody is at a terminal here, and --yes is missing.
        self.assertEqual(operator.deploy(*ASKED), 1)
        self.assertIsNone(operator.deployment().stacks("keys").find("key"))
        self.assertEqual(operator.deploy(*ADMIT), 0)
        operator.has_image(1)
        self.assertEqual(operator.deploy(*ASKED), 1)
        self.assertEqual(self.opened_by(operator), set())
        self.assertEqual(operator.deploy(*ADMIT), 0)
        self.assertEqual(self.opened_by(operator), {1})

    def test_keys_of_two_deployments_do_not_know_each_other(self):
        first, second = self.operator("one"), self.operator("other")
        first.has_image(1)
        self.assertEqual(first.deploy(*ADMIT), 0)
        second.has_image(2)
        self.assertEqual(second.deploy(*ADMIT), 0)
        self.assertEqual(self.opened_by(first), {1})
        self.assertEqual(self.opened_by(second), {2})

    def test_a_deployment_that_is_taken_down_keeps_its_key_closed(self):
        operator = self.operator("closed")
        operator.has_image(1)
        self.assertEqual(operator.deploy(*ADMIT), 0)
        self.assertEqual(self.opened_by(operator), {1})
        self.assertEqual(operator.destroy("--only", "key", "--yes"), 0)
        self.assertEqual(self.opened_by(operator), set())
        self.assertEqual(operator.deploy(*ADMIT), 0)
        self.assertEqual(self.opened_by(operator), {1})

    def test_credentials_of_another_account_change_nothing(self):
        operator = self.operator("foreign")
        operator.write()
        text = operator.settings.read_text().replace(
            f'id = "{deploying.KEYS}"', 'id = "999999999999"'
        )
        operator.settings.write_text(text)
        self.assertEqual(operator.deploy(*ADMIT), 1)
        cloudformation = deploying.client("cloudformation", deploying.KEYS)
        with self.assertRaises(ClientError):
            cloudformation.describe_stacks(StackName="foreign-key")

    def test_the_parameters_of_a_stack_say_which_images_it_names(self):
        operator = self.operator("said")
        operator.has_image(1)
        operator.deploy(*ADMIT)
        operator.has_image(2)
        operator.deploy(*ADMIT)
        images = [tuple(pcr.hex() for pcr in deploying.image(it).values()) for it in (1, 2)]
        self.assertEqual(operator.deployment().named_now(), Named(*images))

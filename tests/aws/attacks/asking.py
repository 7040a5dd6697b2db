"""How the attack tests talk to KMS: no answer, not even a refusal, may hold a plaintext."""

import os
import unittest
from pathlib import Path

from botocore.exceptions import ClientError

import deployment
import nitro

ROOT = nitro.Authority.load(Path(os.environ["SHAREKEEP_TEST_NSM_ROOTS"]))
PLAINTEXTS = {"Plaintext", "PrivateKeyPlaintext", "SharedSecret"}
IMAGE, NEXT_IMAGE, FOREIGN_IMAGE = nitro.pcrs(1), nitro.pcrs(2), nitro.pcrs(3)


class Asking(unittest.TestCase):
    """Deploys one key of its own, in the state that `parameters` says."""

    name: str
    parameters: dict[str, str] = {}

    @classmethod
    def setUpClass(cls):
        cls.key = deployment.deploy_key(cls.name, **cls.parameters)
        cls.hosts = deployment.client("kms", deployment.SERVICE, deployment.HOSTS)
        cls.keepers = deployment.client("kms", deployment.KEYS, deployment.BREAK_GLASS)
        cls.auditors = deployment.client("kms", deployment.KEYS, deployment.AUDIT)
        cls.administrators = deployment.client("kms", deployment.KEYS)
        cls.strangers = deployment.client("kms", deployment.STRANGER)
        cls.enclave = nitro.Enclave(ROOT, IMAGE)

    @property
    def everybody(self):
        return (self.hosts, self.keepers, self.auditors, self.administrators, self.strangers)

    def context(self, **other):
        """The encryption context of a tenant's data key."""
        context = {"service": "sharekeep", "deployment": self.name, "tenant": "t", "purpose": "p"}
        return {**context, **other}

    def ask(self, client, operation, **parameters):
        """Calls KMS; fails if anything in the answer is or may be a plaintext."""
        answer = getattr(client, operation)(**parameters)
        self.assertFalse(PLAINTEXTS & set(answer), f"{operation} answered a plaintext")
        return answer

    def refused(self, client, operation, code="AccessDeniedException", **parameters):
        with self.assertRaises(ClientError) as caught:
            self.ask(client, operation, **parameters)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code)
        if code == "AccessDeniedException":
            # By the policy, and not by what the emulator holds back besides.
            self.assertIn("is not authorized to perform: kms:", error["Message"])
        self.assertFalse(PLAINTEXTS & set(caught.exception.response))

    def generate(self, enclave=None, client=None, **other):
        """Parameters of the enclave's own request for a data key."""
        return {
            "KeyId": self.key,
            "KeySpec": "AES_256",
            "EncryptionContext": self.context(),
            "Recipient": (enclave or self.enclave).asking(),
            **other,
        }

    def wrapped(self):
        """A data key as it is stored."""
        return self.ask(self.hosts, "generate_data_key", **self.generate())["CiphertextBlob"]

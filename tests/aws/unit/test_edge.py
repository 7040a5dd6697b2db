"""What the interface is told of a distribution's secret while it is being changed."""

import hashlib
import unittest
from types import SimpleNamespace

from operate import edge
from operate.settings import Edge

WANTED = Edge("wallet.example", "certificate")


class Missing(Exception):
    """As the SDK says it."""


class Secrets:
    """A secret's versions by stage."""

    exceptions = SimpleNamespace(ResourceNotFoundException=Missing)

    def __init__(self, **versions: str):
        self.versions = versions

    def get_secret_value(self, SecretId: str, VersionStage: str) -> dict:
        if VersionStage not in self.versions:
            raise Missing
        value = self.versions[VersionStage]
        return {"SecretString": value, "VersionId": f"id of {value}"}


def parameters(sends: str, **versions: str) -> str:
    secrets = Secrets(**versions)
    accounts = SimpleNamespace(edge=lambda service: secrets)
    stack = SimpleNamespace(
        settled=True, outputs={"SecretArn": "arn"}, parameters={"SecretVersion": sends}
    )
    return edge.api_parameters(accounts, WANTED, stack)["EdgeSecretSha256"]


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class ChangeOfTheSecret(unittest.TestCase):
    def test_the_first_secret_counts_alone(self):
        self.assertEqual(parameters("", AWSCURRENT="one"), digest("one"))
        self.assertEqual(parameters("id of one", AWSCURRENT="one"), digest("one"))

    def test_the_old_secret_counts_until_the_new_one_is_sent_and_no_longer(self):
        for sends in ("", "id of one"):
            self.assertEqual(
                parameters(sends, AWSCURRENT="two", AWSPREVIOUS="one"),
                f"{digest('two')},{digest('one')}",
            )
        self.assertEqual(
            parameters("id of two", AWSCURRENT="two", AWSPREVIOUS="one"), digest("two")
        )

    def test_without_a_distribution_nothing_is_told(self):
        self.assertEqual(edge.api_parameters(None, None, None), {})
        self.assertEqual(edge.api_parameters(None, WANTED, None), {})
        self.assertEqual(edge.secret_version(None, None), "")

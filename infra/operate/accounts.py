"""Clients for the two accounts of a deployment."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from operate import Refused
from operate.settings import Account, Settings

# Adaptive: deployments call slowly, and CloudFormation throttles whoever asks often.
RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 8})

# Where AWS keeps what stands in front of distributions, wherever the rest is.
EDGE_REGION = "us-east-1"


class Accounts:
    """Makes clients, each account's credentials checked once before they are used.

    The SDK itself reads `AWS_ENDPOINT_URL`, by which tests lead everything to an emulator.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self._sessions: dict[str, boto3.Session] = {}

    def service(self, service: str):
        """A client for the account that the service runs in."""
        return self._client(self.settings.service, service)

    def edge(self, service: str):
        """A client for the same account, where the distribution is."""
        return self._client(self.settings.service, service, EDGE_REGION)

    def keys(self, service: str):
        """A client for the account of the key."""
        return self._client(self.settings.keys, service)

    def of(self, account: str, service: str):
        """`service`, `keys` or `edge`, by name."""
        return getattr(self, account)(service)

    def _client(self, account: Account, service: str, region: str | None = None):
        if account.name not in self._sessions:
            self._sessions[account.name] = self._session(account)
        return self._sessions[account.name].client(service, region_name=region, config=RETRIES)

    def _session(self, account: Account) -> boto3.Session:
        try:
            session = boto3.Session(profile_name=account.profile, region_name=self.settings.region)
            found = session.client("sts", config=RETRIES).get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            raise Refused(f"no credentials for the account of {account.name}: {error}") from error
        if found != account.id:
            raise Refused(
                f"these credentials are of account {found}, and the {account.name} account of "
                f"{self.settings.name} is {account.id}"
            )
        return session

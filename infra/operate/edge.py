"""The distribution with a firewall before the interface, for deployments that have one."""

import hashlib

from operate.accounts import Accounts
from operate.settings import Edge
from operate.stacks import Stack

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


def api_parameters(accounts: Accounts, edge: Edge | None, stack: Stack | None) -> dict[str, str]:
    """What the interface must know of the distribution; nothing as long as there is none.

    Until the distribution sends the current version of the secret, the one before counts too. The
    secrets go no further than this function.
    """
    if edge is None or stack is None or not stack.settled:
        return {}
    versions = [_value(accounts, stack, CURRENT)]
    if stack.parameters.get("SecretVersion") != versions[0]["VersionId"]:
        versions.append(_value(accounts, stack, PREVIOUS))
    digests = [hashlib.sha256(it["SecretString"].encode()).hexdigest() for it in versions if it]
    return {"EdgeHost": edge.host, "EdgeSecretSha256": ",".join(digests)}


def secret_version(accounts: Accounts, stack: Stack | None) -> str:
    """The version of the secret that the distribution is to send; none for one that is yet to be made."""
    if stack is None or not stack.settled:
        return ""
    return _value(accounts, stack, CURRENT)["VersionId"]


def _value(accounts: Accounts, stack: Stack, stage: str) -> dict | None:
    """A version of the secret; none if there is none at this stage."""
    secrets = accounts.edge("secretsmanager")
    try:
        return secrets.get_secret_value(SecretId=stack.outputs["SecretArn"], VersionStage=stage)
    except secrets.exceptions.ResourceNotFoundException:
        if stage == PREVIOUS:
            return None
        raise

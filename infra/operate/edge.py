"""The distribution with a firewall before the interface, for deployments that have one."""

import hashlib

from operate.accounts import Accounts
from operate.settings import Edge
from operate.stacks import Stack


def api_parameters(accounts: Accounts, edge: Edge | None, stack: Stack | None) -> dict[str, str]:
    """What the interface must know of the distribution; nothing as long as there is none.

    The secret that the distribution shows goes no further than this function.
    """
    if edge is None or stack is None or not stack.settled:
        return {}
    secret = accounts.edge("secretsmanager").get_secret_value(SecretId=stack.outputs["SecretArn"])[
        "SecretString"
    ]
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return {"EdgeHost": edge.host, "EdgeSecretSha256": digest}

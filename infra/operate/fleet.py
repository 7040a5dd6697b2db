"""Whether the fleet consists of one release's hosts only."""

import time

from operate import Refused, tables
from operate.accounts import Accounts
from operate.agreement import say

POLL_SECONDS = 15
# A host that leaves has six minutes to finish its ceremonies; its row goes when it stops beating.
LONGEST_SECONDS = 30 * 60
# What still holds an enclave that KMS may answer.
ALIVE = ("pending", "running", "stopping", "shutting-down")


def wait_until_replaced(accounts: Accounts, release: str) -> None:
    """Returns once every host and every enclave that functions can find is of the release."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while faults := lagging(accounts, release):
        say("waits for the hosts: " + "; ".join(faults))
        if time.monotonic() > deadline:
            raise Refused("old hosts are still there; both images stay allowed until a later run")
        time.sleep(POLL_SECONDS)


def lagging(accounts: Accounts, release: str, now: float | None = None) -> list[str]:
    """What keeps the fleet from being the release's alone."""
    hosts = _hosts(accounts)
    old = sorted(name for name, (tag, _) in hosts.items() if tag != release)
    faults = [f"{name} runs another release" for name in old]
    if not hosts:
        faults.append("there is no host")
    addresses = {address for tag, address in hosts.values() if tag == release}
    found = _enclaves(accounts, time.time() if now is None else now)
    faults += [f"the enclave at {it} is of no new host" for it in sorted(found - addresses)]
    faults += [f"the enclave at {it} is not in the fleet yet" for it in sorted(addresses - found)]
    return faults


def _hosts(accounts: Accounts) -> dict[str, tuple[str, str]]:
    """Release and private address of every instance that is not gone."""
    prefix = accounts.settings.prefix
    pages = accounts.service("ec2").get_paginator("describe_instances")
    filters = [
        {"Name": "tag:Name", "Values": [f"{prefix}host"]},
        {"Name": "instance-state-name", "Values": list(ALIVE)},
    ]
    hosts = {}
    for page in pages.paginate(Filters=filters):
        for instance in (it for group in page["Reservations"] for it in group["Instances"]):
            tags = {it["Key"]: it["Value"] for it in instance.get("Tags", [])}
            address = instance.get("PrivateIpAddress", "")
            hosts[instance["InstanceId"]] = (tags.get("Release", ""), address)
    return hosts


def _enclaves(accounts: Accounts, now: float) -> set[str]:
    """Where functions find enclaves: addresses without ports."""
    pages = accounts.service("dynamodb").get_paginator("query")
    rows = pages.paginate(
        TableName=tables.in_use(accounts).table("fleet"),
        KeyConditionExpression="pk = :enclave",
        ExpressionAttributeValues={":enclave": {"S": "enclave"}},
        ConsistentRead=True,
    )
    return {
        row["address"]["S"].rsplit(":", 1)[0]
        for page in rows
        for row in page["Items"]
        # A row that is over is nobody's; the table removes it some time later.
        if int(row.get("expires_at", {"N": "0"})["N"]) > now
    }

"""Stops and starts the functions that write to tables."""

import json
import time

from operate.accounts import Accounts
from operate.tables import FUNCTIONS

# A request that has begun is over after that: the functions' own time-out.
LONGEST_REQUEST_SECONDS = 35


class Functions:
    """Those that routes lead to. The janitor is not one of them and goes on."""

    def __init__(self, accounts: Accounts):
        self.accounts = accounts

    def names(self) -> list[str]:
        groups = json.loads((FUNCTIONS / "groups.json").read_text())
        return [self.accounts.settings.prefix + group for group in sorted(groups)]

    def stop(self) -> None:
        """Callers are refused from now on; returns when nothing runs any more."""
        client = self.accounts.service("lambda")
        for name in self.names():
            try:
                client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
            except client.exceptions.ResourceNotFoundException:
                continue
        time.sleep(LONGEST_REQUEST_SECONDS)

    def start(self) -> None:
        """As if they had never been stopped."""
        client = self.accounts.service("lambda")
        for name in self.names():
            try:
                client.delete_function_concurrency(FunctionName=name)
            except client.exceptions.ResourceNotFoundException:
                continue

"""Which tables a deployment has, and which of their generations is in use.

A restore never changes tables: it makes the next generation beside them, a storage stack of its own
whose names start with `example-r2-` where the deployment's start with `example-`. A storage stack that was
replaced says by what (its parameter ReplacedBy); the one that was not is in use.
"""

import copy
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from operate import Refused
from operate.accounts import Accounts
from operate.settings import Settings
from operate.stacks import Stack, Stacks

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
# What infra/templates/storage.yaml takes as a prefix.
MAX_PREFIX_CHARS = 32
# The default of ReplacedBy.
NOT_REPLACED = "none"


def archived() -> tuple[str, ...]:
    """Names of the tables whose changes are archived, without a prefix."""
    tables = json.loads((FUNCTIONS / "tables.json").read_text())
    return tuple(name for name, it in sorted(tables.items()) if it["archived"])


def stream_output(table: str) -> str:
    """What templates call the stream of a table: `data_keys` is `DataKeysStream`."""
    return "".join(word.capitalize() for word in table.split("_")) + "Stream"


@dataclass(frozen=True)
class Generation:
    """Tables with one prefix, and the stack that they are in."""

    number: int
    accounts: Accounts

    @property
    def settings(self) -> Settings:
        return self.accounts.settings

    @property
    def prefix(self) -> str:
        return self.settings.prefix

    @property
    def stacks(self) -> Stacks:
        """In which the template `storage` has this generation's stack."""
        return Stacks(self.accounts, "service")

    def stack(self) -> Stack | None:
        """The stack as it stands; none before it is made."""
        return self.stacks.find("storage")

    def table(self, name: str) -> str:
        return self.prefix + name


def generation(accounts: Accounts, number: int) -> Generation:
    """The first is what infra/deploy makes, each further one what a restore makes."""
    if number == 1:
        return Generation(1, accounts)
    # The same sessions, other names.
    other = copy.copy(accounts)
    other.settings = replace(accounts.settings, name=f"{accounts.settings.name}-r{number}")
    if len(other.settings.prefix) > MAX_PREFIX_CHARS:
        raise Refused(f"{other.settings.prefix} is too long for the names of tables")
    return Generation(number, other)


def in_use(accounts: Accounts) -> Generation:
    """The generation that the service runs on, or is to run on."""
    found = generation(accounts, 1)
    while (stack := found.stack()) and stack.parameters.get(
        "ReplacedBy", NOT_REPLACED
    ) != NOT_REPLACED:
        found = generation(accounts, found.number + 1)
        if stack.parameters["ReplacedBy"] != found.prefix:
            raise Refused(
                f"{stack.name} was replaced by {stack.parameters['ReplacedBy']}, which is unknown"
            )
    return found


def existing(accounts: Accounts) -> list[Generation]:
    """Every generation of which there is a stack, the newest first.

    A stack is not believed by its name alone: another deployment may be called what a restore would.
    """
    pages = accounts.service("cloudformation").get_paginator("describe_stacks")
    pattern = re.compile(
        re.escape(accounts.settings.prefix) + r"(?:r([2-9]|[1-9][0-9]+)-)?storage"
    )
    numbers = set()
    for page in pages.paginate():
        for stack in page["Stacks"]:
            if found := pattern.fullmatch(stack["StackName"]):
                number = int(found[1] or 1)
                if number == 1 or _restored_from(accounts, stack, number - 1):
                    numbers.add(number)
    return [generation(accounts, number) for number in sorted(numbers, reverse=True)]


def _restored_from(accounts: Accounts, stack: dict, number: int) -> bool:
    """Whether a stack says that it is a restored copy of a generation."""
    told = {it["ParameterKey"]: it["ParameterValue"] for it in stack.get("Parameters", [])}
    origin = restored_from(generation(accounts, number))
    return told.get("RestoredFrom", "").startswith(origin)


def restored_from(of: Generation) -> str:
    """How the parameter RestoredFrom of the next generation begins."""
    return f"{of.prefix} at "


def parameters(of: Generation, outputs: dict[str, str]) -> dict[str, str]:
    """What the stacks that use a generation's tables have to be told; from the outputs of its own."""
    names = ["RecordsBucket", *map(stream_output, archived())]
    return {"TablePrefix": of.prefix, **{name: outputs[name] for name in names}}

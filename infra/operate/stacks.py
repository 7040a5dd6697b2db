"""CloudFormation stacks, changed only by change sets that were shown and agreed to."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError

from operate import Refused
from operate.accounts import Accounts
from operate.agreement import Agreement, say, table

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
# What holds data: without one of these, wallets are lost.
KEEPS_DATA = ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket")
POLL_SECONDS = 5
# Hosts are replaced one at a time, each within a quarter of an hour; a fleet takes hours.
LONGEST_SECONDS = 6 * 3600
CHANGE_SET_SECONDS = 600
# An attempt that was not undone; a change set goes on from there.
CONTINUABLE = ("CREATE_FAILED", "UPDATE_FAILED")
NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed", "no changes")


@dataclass(frozen=True)
class Stack:
    """A stack as it stands."""

    name: str
    status: str
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether it is as its last agreed change set says."""
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")


@dataclass(frozen=True)
class Change:
    """One line of a change set."""

    action: str
    resource: str
    type: str
    replacement: str

    @property
    def loses_data(self) -> bool:
        gone = self.action == "Remove" or self.replacement in ("True", "Conditional")
        return gone and self.type in KEEPS_DATA


class Stacks:
    """The stacks of one of a deployment's places: see `Accounts.of`."""

    def __init__(self, accounts: Accounts, account: str):
        self.client = accounts.of(account, "cloudformation")
        self.settings = accounts.settings

    def find(self, template: str) -> Stack | None:
        """A template's stack, whatever its state; none if there is no stack."""
        try:
            answer = self.client.describe_stacks(StackName=self.settings.stack(template))
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        (found,) = answer["Stacks"]
        if found["StackStatus"] == "DELETE_COMPLETE":
            return None
        return Stack(
            found["StackName"],
            found["StackStatus"],
            {it["ParameterKey"]: it["ParameterValue"] for it in found.get("Parameters", [])},
            {it["OutputKey"]: it["OutputValue"] for it in found.get("Outputs", [])},
        )

    def bring_up_to_date(
        self,
        template: str,
        parameters: dict[str, str],
        agreement: Agreement,
        loss_of_data: bool = False,
    ) -> Stack:
        """Makes or changes a template's stack, if anything differs, and returns it settled.

        Parameters that the template does not declare are refused, those not given have their
        default: a stack is what the template and the settings say, and remembers nothing.
        """
        stack = self._startable(template)
        body = (TEMPLATES / f"{template}.yaml").read_text()
        declared = self._declared(body)
        for name in parameters.keys() - declared:
            raise Refused(f"{template}.yaml has no parameter {name}")
        values = [{"ParameterKey": key, "ParameterValue": it} for key, it in parameters.items()]
        change_set = self._plan(template, stack, TemplateBody=body, Parameters=values)
        return self._carry_out(template, stack, change_set, agreement, loss_of_data)

    def tell(self, template: str, agreement: Agreement, **parameters: str) -> Stack:
        """Changes parameters of a standing stack, and nothing else: its template stays the one it has."""
        stack = self._startable(template)
        if stack is None:
            raise Refused(f"{self.settings.stack(template)} is not there")
        values = [
            {"ParameterKey": key, "ParameterValue": parameters[key]}
            if key in parameters
            else {"ParameterKey": key, "UsePreviousValue": True}
            for key in stack.parameters
        ]
        change_set = self._plan(template, stack, UsePreviousTemplate=True, Parameters=values)
        return self._carry_out(template, stack, change_set, agreement, False)

    def _carry_out(
        self,
        template: str,
        stack: Stack | None,
        change_set: tuple[str, list[Change]] | None,
        agreement: Agreement,
        loss_of_data: bool,
    ) -> Stack:
        """Shows a planned change set, and executes it once it is agreed to."""
        if change_set is None:
            say(f"{self.settings.stack(template)}: nothing to change")
            return self._at_rest(template)
        name, changes = change_set
        try:
            say(f"{self.settings.stack(template)}: {'update' if stack else 'new stack'}")
            say(shown(changes))
            refuse_loss(changes, loss_of_data)
            agreement.ask("Make these changes?")
        except BaseException:
            self._forget(template, name, stack)
            raise
        self.client.execute_change_set(
            StackName=self.settings.stack(template),
            ChangeSetName=name,
            # Tables and buckets outlive their stack, also one whose creation is undone: the next
            # attempt would find their names taken. So what was made stays in the stack. One that is not
            # whole has nothing to be rolled back to, and CloudFormation refuses to go on otherwise.
            DisableRollback=(stack is not None and stack.status in CONTINUABLE)
            or any(it.action == "Add" and it.type in KEEPS_DATA for it in changes),
        )
        return self._settled(template)

    def delete(self, template: str) -> None:
        """Deletes a stack; what its template retains stays."""
        self.client.delete_stack(StackName=self.settings.stack(template))
        while (stack := self.find(template)) is not None:
            if stack.status == "DELETE_FAILED":
                raise Refused(f"{stack.name} could not be deleted:\n{self._faults(stack.name)}")
            time.sleep(POLL_SECONDS)

    def resources(self, template: str) -> list[dict]:
        """What the stack consists of, as CloudFormation lists it."""
        pages = self.client.get_paginator("list_stack_resources")
        name = self.settings.stack(template)
        return [
            it for page in pages.paginate(StackName=name) for it in page["StackResourceSummaries"]
        ]

    def holds(self, template: str, resource: str) -> bool:
        """Whether a resource is there to stay: made, and by no creation that may still be undone."""
        stack = self.find(template)
        undone = ("REVIEW_", "CREATE_IN_", "ROLLBACK_", "DELETE_")
        if stack is None or stack.status.startswith(undone):
            return False
        return any(
            it["LogicalResourceId"] == resource
            and it["ResourceStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
            for it in self.resources(template)
        )

    def _declared(self, body: str) -> set[str]:
        summary = self.client.get_template_summary(TemplateBody=body)
        return {it["ParameterKey"] for it in summary.get("Parameters", [])}

    def _startable(self, template: str) -> Stack | None:
        """The stack, at rest: another run's change is waited for. None if it must be made."""
        stack = self.find(template)
        if stack and stack.status == "REVIEW_IN_PROGRESS":
            # A run was interrupted, or not agreed to, before the first change set was executed.
            return None
        if stack and stack.status.endswith("_IN_PROGRESS"):
            say(f"{stack.name}: a change is under way ({stack.status}), waiting for it")
            stack = self._at_rest(template)
        if stack and stack.status == "ROLLBACK_COMPLETE":
            # Nothing was ever made in it; CloudFormation wants it deleted before another attempt.
            say(f"{stack.name}: the first attempt failed, its empty stack is removed")
            self.delete(template)
            return None
        if stack and stack.status.endswith("_FAILED") and stack.status not in CONTINUABLE:
            raise Refused(
                f"{stack.name} is {stack.status}; look at its events and mend it first:\n"
                f"{self._faults(stack.name)}"
            )
        return stack

    def _plan(self, template: str, stack: Stack | None, **content):
        """A change set's name and changes; none if there is nothing to change."""
        named = {"StackName": self.settings.stack(template)}
        name = f"{self.settings.stack(template)}-{time.time_ns()}"
        self.client.create_change_set(
            **named,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if stack else "CREATE",
            **content,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Tags=[{"Key": "sharekeep:deployment", "Value": self.settings.name}],
        )
        deadline = time.monotonic() + CHANGE_SET_SECONDS
        while True:
            found = self.client.describe_change_set(**named, ChangeSetName=name)
            if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
                break
            if time.monotonic() > deadline:
                raise Refused(f"{named['StackName']}: the change set is not ready yet")
            time.sleep(POLL_SECONDS)
        reason = found.get("StatusReason", "")
        if found["Status"] == "FAILED":
            self._forget(template, name, stack)
            if any(text in reason for text in NOTHING_TO_DO):
                return None
            raise Refused(f"{named['StackName']}: no change set: {reason}")
        changes = changes_in(found)
        while token := found.get("NextToken"):
            found = self.client.describe_change_set(**named, ChangeSetName=name, NextToken=token)
            changes += changes_in(found)
        told = {
            it["ParameterKey"]: it["ParameterValue"]
            for it in content["Parameters"]
            if "ParameterValue" in it
        }
        if stack and not changes and stack.parameters == {**stack.parameters, **told}:
            self._forget(template, name, stack)
            return None
        return name, changes

    def _forget(self, template: str, change_set: str, stack: Stack | None) -> None:
        """Leaves neither a change set behind nor the empty stack that the first one made."""
        named = {"StackName": self.settings.stack(template)}
        self.client.delete_change_set(**named, ChangeSetName=change_set)
        if stack is None:
            self.client.delete_stack(**named)

    def _settled(self, template: str) -> Stack:
        stack = self._at_rest(template)
        if not stack.settled:
            raise Refused(
                f"{stack.name} ended as {stack.status}:\n{self._faults(stack.name)}\n"
                "mend what it says and give the same command again"
            )
        return stack

    def _at_rest(self, template: str) -> Stack:
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            stack = self.find(template)
            if stack is None:
                raise Refused(f"{self.settings.stack(template)} is gone")
            if not stack.status.endswith("_IN_PROGRESS"):
                return stack
            time.sleep(POLL_SECONDS)
        raise Refused(f"{stack.name} is still {stack.status}; give the same command again")

    def _faults(self, name: str) -> str:
        """What went wrong of late, newest first."""
        try:
            events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        except ClientError:
            return "  (no events)"
        faults = [it for it in events if it["ResourceStatus"].endswith("_FAILED")][:8]
        return "\n".join(
            f"  {it['LogicalResourceId']}: {it.get('ResourceStatusReason', '')}" for it in faults
        )


def changes_in(change_set: dict) -> list[Change]:
    """The changes of one page of a described change set."""
    found = (it["ResourceChange"] for it in change_set.get("Changes", []) if "ResourceChange" in it)
    return [
        Change(it["Action"], it["LogicalResourceId"], it["ResourceType"], it.get("Replacement", ""))
        for it in found
    ]


def shown(changes: list[Change]) -> str:
    """For people."""
    if not changes:
        return "  no resource, only parameters or outputs"
    heading = ("action", "resource", "type", "replaced")
    rows = [
        (
            it.action,
            it.resource,
            it.type,
            {"True": "yes", "Conditional": "maybe"}.get(it.replacement, ""),
        )
        for it in sorted(changes, key=lambda it: (it.action, it.resource))
    ]
    return table([heading, *rows])


def refuse_loss(changes: list[Change], told: bool) -> None:
    """A table, a key or a bucket that is replaced starts empty, and its stack forgets the old one."""
    lost = [f"{it.type} {it.resource}" for it in changes if it.loses_data]
    if lost and not told:
        raise Refused(
            f"this would replace or remove {', '.join(lost)}, and with it data of users. If that is "
            "meant, give --let-go-of-tables-keys-and-buckets too"
        )

"""Key policies, evaluated as IAM does: an explicit Deny wins, and what nothing allows is denied.

Covers what key policies need. A statement with anything else (NotPrincipal, an unknown operator) makes
the whole policy unusable: what cannot be evaluated must not allow.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


class UnsupportedPolicy(Exception):
    """The policy has something that this evaluator does not know."""


@dataclass(frozen=True)
class Request:
    """One action by one principal. Context values are lists: most condition keys have one value."""

    action: str
    principal: str
    context: Mapping[str, list[str]] = field(default_factory=dict)

    def value(self, key: str) -> list[str] | None:
        """The values of a condition key, whose name has no case."""
        return {name.lower(): values for name, values in self.context.items()}.get(key.lower())


def allows(policy: Mapping, request: Request) -> bool:
    """Whether the policy lets the request pass."""
    effects = set()
    # Every statement is read, so that an unknown one is noticed whatever the request is.
    for statement in _listed(policy["Statement"]):
        unknown = statement.keys() - {
            "Sid",
            "Effect",
            "Principal",
            "Action",
            "Resource",
            "Condition",
        }
        if unknown or statement["Effect"] not in ("Allow", "Deny"):
            raise UnsupportedPolicy(f"{statement.get('Sid')}: {sorted(unknown)}")
        # All three are evaluated, for the same reason.
        applies = [
            _names_principal(statement["Principal"], request.principal),
            any(_like(request.action, action, False) for action in _listed(statement["Action"])),
            all(
                [
                    _holds(operator, key, _listed(wanted), request)
                    for operator, keys in statement.get("Condition", {}).items()
                    for key, wanted in keys.items()
                ]
            ),
        ]
        if all(applies):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


def _names_principal(principals, caller: str) -> bool:
    if principals == "*":
        return True
    if not isinstance(principals, Mapping) or principals.keys() != {"AWS"}:
        raise UnsupportedPolicy(f"principals {principals!r}")
    account = caller.split(":")[4]
    # An account stands for whatever its own policies allow; tests have none that would refuse.
    whole_account = (account, f"arn:aws:iam::{account}:root")
    return any(
        named == "*" or named == caller or named in whole_account
        for named in _listed(principals["AWS"])
    )


def _holds(operator: str, key: str, wanted: list, request: Request) -> bool:
    wanted = [str(one).lower() if isinstance(one, bool) else str(one) for one in wanted]
    values = request.value(key)
    if operator == "Null":
        return (values is None) == (wanted[0] == "true")
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    if name not in COMPARISONS or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnsupportedPolicy(f"the operator {operator}")
    same, negated = COMPARISONS[name]

    def holds(value: str) -> bool:
        return any(same(value, one) for one in wanted) != negated

    if quantifier == "ForAllValues":
        return all(holds(value) for value in values or [])
    if quantifier == "ForAnyValue":
        return any(holds(value) for value in values or [])
    if values is None:
        # "Not equal to x" is true of what is not there.
        return negated or name != rest
    return all(holds(value) for value in values)


def _like(text: str, pattern: str, case: bool = True) -> bool:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return (
        re.fullmatch("".join(parts), text, re.DOTALL | (0 if case else re.IGNORECASE)) is not None
    )


def _listed(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


COMPARISONS = {
    "StringEquals": (lambda a, b: a == b, False),
    "StringNotEquals": (lambda a, b: a == b, True),
    "StringEqualsIgnoreCase": (lambda a, b: a.lower() == b.lower(), False),
    "StringNotEqualsIgnoreCase": (lambda a, b: a.lower() == b.lower(), True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_like, False),
    "ArnNotEquals": (_like, True),
    "ArnLike": (_like, False),
    "ArnNotLike": (_like, True),
    "Bool": (lambda a, b: a.lower() == b.lower(), False),
}

"""MiniStack: an emulated AWS that makes every template's resources, and runs functions as processes.

On 127.0.0.1 only. It knows no policies and no attestation, so nothing about keys is tested on it.
Ends itself when the process that started it is gone.
"""

import os
import uuid

from processes import PARENT_VARIABLE, end_with

# What it cannot make. The template's resource is then there in name only: nothing is routed, nothing
# is recorded, and no rule lets anything through or stops it.
IN_NAME_ONLY = {
    "AWS::EC2::EIP": ("AllocationId",),
    "AWS::EC2::NatGateway": (),
    "AWS::EC2::FlowLog": (),
    "AWS::EC2::SecurityGroupEgress": (),
    "AWS::EC2::SecurityGroupIngress": (),
}


def allow_in_name_only() -> None:
    """Lets those pass; any other type that it does not know still fails the deployment."""
    from ministack.services.cloudformation import provisioners

    for kind, attributes in IN_NAME_ONLY.items():
        if kind in provisioners._RESOURCE_HANDLERS:
            raise SystemExit(f"{kind} can be made by now; do not leave it out")
        provisioners._RESOURCE_HANDLERS[kind] = handler(attributes)


def allow_metric_math() -> None:
    """An alarm on several metrics is there in name only: it never goes off."""
    from ministack.services.cloudformation import provisioners

    alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
    make = alarm["create"]

    def create(logical_id, properties, stack_name):
        if "Metrics" in properties:
            return properties["AlarmName"], {}
        return make(logical_id, properties, stack_name)

    alarm["create"] = create


def know_replacements() -> None:
    """What CloudFormation's reference says of a key: no change of a property replaces it."""
    from ministack.services.cloudformation import provisioners

    provisioners._REPLACING_PROPERTIES.setdefault("AWS::KMS::Key", ())


def handler(attributes: tuple[str, ...]) -> dict:
    def create(logical_id, _properties, stack_name):
        name = f"{stack_name}-{logical_id}-{uuid.uuid4().hex[:8]}"
        return name, dict.fromkeys(attributes, name)

    return {"create": create, "delete": lambda *_: None}


if __name__ == "__main__":
    end_with(int(os.environ[PARENT_VARIABLE]))
    allow_in_name_only()
    allow_metric_math()
    know_replacements()
    from ministack.app import main

    main()

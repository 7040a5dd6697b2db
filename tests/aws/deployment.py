"""The product's own templates, deployed into the emulator through CloudFormation."""

import os
from pathlib import Path

import boto3
from botocore.config import Config

TEMPLATES = Path(__file__).parents[2] / "infra/templates"
REGION = "eu-central-1"
# Separate accounts, as in production: where the service runs, where the key is, and a stranger's.
SERVICE, KEYS, STRANGER = "111111111111", "222222222222", "333333333333"
HOSTS = f"arn:aws:iam::{SERVICE}:role/enclave-host"
BREAK_GLASS = f"arn:aws:iam::{KEYS}:role/break-glass"
AUDIT = f"arn:aws:iam::{KEYS}:role/audit"


def client(service: str, account: str, role: str | None = None):
    """A client as the account's root, or as one of its roles."""
    keys = {"aws_access_key_id": account, "aws_secret_access_key": "test"}
    if role is not None:
        given = assume(account, role)
        keys = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
    return boto3.client(
        service,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        region_name=REGION,
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        **keys,
    )


def assume(account: str, role: str) -> dict:
    """Temporary credentials of a role."""
    sts = client("sts", account)
    return sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]


def host_credentials() -> dict[str, str]:
    """Credentials of the hosts' role, as a host would find them, in the product's own spelling."""
    given = assume(SERVICE, HOSTS)
    return {
        "access_key_id": given["AccessKeyId"],
        "secret_access_key": given["SecretAccessKey"],
        "session_token": given["SessionToken"],
    }


def deploy(template: str, name: str, account: str, **parameters: str) -> dict[str, str]:
    """Makes a stack and returns its outputs."""
    cloudformation = client("cloudformation", account)
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(TEMPLATES / template).read_text(),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def deploy_key(name: str, **parameters: str) -> str:
    """A key with the product's policy, in the account of keys; returns its ARN."""
    roles = {"BreakGlassRoleArn": BREAK_GLASS, "AuditRoleArn": AUDIT}
    return deploy("key.yaml", name, KEYS, Deployment=name, **roles, **parameters)["KeyArn"]


def image_parameters(pcrs: dict[int, bytes], prefix: str = "Pcr") -> dict[str, str]:
    """An image's measurements as the template takes them."""
    return {f"{prefix}{number}": pcr.hex() for number, pcr in pcrs.items()}

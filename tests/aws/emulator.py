"""LocalStack without containers: on 127.0.0.1 only, DynamoDB Local beneath, the attested KMS in front.

Ends itself when the process that started it is gone, and DynamoDB Local ends with it.
"""

import json
import os
import sys

from processes import PARENT_VARIABLE, end_with

DYNAMODB_VARIABLE = "SHAREKEEP_TEST_DYNAMODB"


def bind_to_loopback() -> None:
    """LocalStack's server takes every interface, whatever GATEWAY_LISTEN says."""
    from twisted.internet import endpoints

    listen = endpoints.TCP4ServerEndpoint

    def on_loopback(reactor, port, *arguments, **named):
        named["interface"] = "127.0.0.1"
        return listen(reactor, port, *arguments, **named)

    endpoints.TCP4ServerEndpoint = on_loopback


def use_installed_dynamodb(folder: str) -> None:
    """Starts the jar in `folder` by our own main class, and never downloads anything."""
    from localstack.services.dynamodb.packages import DynamoDBLocalPackageInstaller
    from localstack.services.dynamodb.server import DynamodbServer

    def command(server) -> list[str]:
        libraries = f"{folder}/DynamoDBLocal_lib"
        return [
            "java",
            f"-Xmx{server.heap_size}",
            f"-Djava.library.path={libraries}",
            "-classpath",
            f"{folder}/classes:{folder}/DynamoDBLocal.jar:{libraries}/*",
            "OnLoopback",
            "-port",
            str(server.port),
            "-inMemory",
        ]

    DynamodbServer._create_shell_command = command
    DynamoDBLocalPackageInstaller.install = lambda *_, **__: None
    DynamoDBLocalPackageInstaller.get_java_env_vars = lambda _: {}


def let_policies_change() -> None:
    """CloudFormation's update of a key, which LocalStack leaves out: of its policy, and of nothing else."""
    from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent
    from localstack.services.kms.resource_providers.aws_kms_key import KMSKeyProvider

    def update(_, request):
        before, model = request.previous_state, request.desired_state
        for name in model.keys() | before.keys():
            if name not in ("KeyPolicy", "KeyId", "Arn") and model.get(name) != before.get(name):
                raise ValueError(f"{name} of a key cannot be changed here")
        model["KeyId"], model["Arn"] = before["KeyId"], before["Arn"]
        request.aws_client_factory.kms.put_key_policy(
            KeyId=model["KeyId"], PolicyName="default", Policy=json.dumps(model["KeyPolicy"])
        )
        return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model)

    KMSKeyProvider.update = update


if __name__ == "__main__":
    end_with(int(os.environ[PARENT_VARIABLE]))
    bind_to_loopback()
    use_installed_dynamodb(os.environ[DYNAMODB_VARIABLE])
    from attested_kms import guard

    guard.install()
    let_policies_change()
    from localstack.runtime.main import main

    sys.exit(main())

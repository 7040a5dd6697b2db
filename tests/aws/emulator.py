"""LocalStack without containers: on 127.0.0.1 only, DynamoDB Local beneath, the attested KMS in front.

Ends itself when the process that started it is gone, and DynamoDB Local ends with it.
"""

import os
import signal
import sys
import threading
import time

PARENT_VARIABLE = "SHAREKEEP_TEST_PARENT"
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


def end_with(parent: int) -> None:
    """An orphan would hold its port and its memory for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with(int(os.environ[PARENT_VARIABLE]))
    bind_to_loopback()
    use_installed_dynamodb(os.environ[DYNAMODB_VARIABLE])
    from attested_kms import guard

    guard.install()
    from localstack.runtime.main import main

    sys.exit(main())

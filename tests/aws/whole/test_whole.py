"""All templates, deployed by `infra/deploy` itself, and requests through the API to real functions.

No enclave is behind them, so what needs one must say so. What the emulator cannot make is named in
emulator.py. It runs no hosts either: the tests put those into place that the group asks for.
"""

import contextlib
import hashlib
import io
import json
import os
import socket
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from unittest import mock

import deploying
from operate import fleet, release, released, smoke
from operate.policy import Named
from whole.people import People

NAME = "whole"
PROGRAMS = Path(os.environ["SHAREKEEP_TEST_FUNCTIONS"])
CERTIFICATE = (
    f"arn:aws:acm:us-east-1:{deploying.SERVICE}:certificate/00000000-0000-0000-0000-000000000000"
)
LONGEST_SECONDS = 60


class Hosts(threading.Thread):
    """What the group of hosts does: one host, of the release that the group has, in the fleet."""

    def __init__(self):
        super().__init__(daemon=True)
        self.groups = deploying.client("autoscaling", deploying.SERVICE)
        self.ec2 = deploying.client("ec2", deploying.SERVICE)
        self.fleet = deploying.client("dynamodb", deploying.SERVICE)
        self.running: dict[str, str] | None = None
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            groups = self.groups.describe_auto_scaling_groups()["AutoScalingGroups"]
            for group in groups:
                tags = {it["Key"]: it["Value"] for it in group["Tags"] if it["PropagateAtLaunch"]}
                if self.running is None or self.running["Release"] != tags["Release"]:
                    self.replace(tags)

    def replace(self, tags: dict[str, str]):
        made = self.ec2.run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
                }
            ],
        )["Instances"][0]
        row = {
            "pk": {"S": "enclave"},
            "sk": {"S": made["InstanceId"]},
            "address": {"S": f"{made['PrivateIpAddress']}:8443"},
            "expires_at": {"N": str(int(time.time()) + 3600)},
        }
        self.fleet.put_item(TableName=f"{NAME}-fleet", Item=row)
        if self.running:
            self.leave()
        self.running = {**tags, "id": made["InstanceId"]}

    def leave(self):
        self.ec2.terminate_instances(InstanceIds=[self.running["id"]])
        key = {"pk": {"S": "enclave"}, "sk": {"S": self.running["id"]}}
        self.fleet.delete_item(TableName=f"{NAME}-fleet", Key=key)


def resolve_api_names():
    """`….execute-api.localhost` is this machine; not every resolver knows."""
    ask = socket.getaddrinfo

    def answer(host, *arguments, **named):
        local = isinstance(host, str) and host.endswith(".localhost")
        return ask("127.0.0.1" if local else host, *arguments, **named)

    return mock.patch.object(socket, "getaddrinfo", answer)


class Deployed:
    """The deployment of this module."""

    operator: deploying.Operator
    people: People
    hosts: Hosts
    built: Path
    # What the first complete run of infra/deploy returned.
    code: int

    @classmethod
    def deploy(cls, *more: str) -> int:
        return cls.operator.deploy("--yes", "--built", str(cls.built), *more)


def setUpModule():
    scratch = unittest.enterModuleContext(tempfile.TemporaryDirectory())
    unittest.enterModuleContext(resolve_api_names())
    unittest.enterModuleContext(mock.patch.object(smoke, "LONGEST_SECONDS", 1))
    Deployed.operator = deploying.Operator(Path(scratch), NAME)
    Deployed.built = Deployed.operator.has_built(PROGRAMS)
    # The key comes first: the image is measured with it.
    if Deployed.operator.deploy("--yes") != 0:
        raise AssertionError("the first run failed")
    for module, name, program in [
        (release, "IMAGE_PROGRAM", "sharekeep-image"),
        (released, "PROGRAM", "sharekeep-operator"),
    ]:
        unittest.enterModuleContext(mock.patch.object(module, name, [str(PROGRAMS / program)]))
    Deployed.people = People(PROGRAMS, Deployed.operator)
    Deployed.people.build(1)
    Deployed.people.release(1)
    Deployed.people.publish(1)
    Deployed.hosts = Hosts()
    Deployed.hosts.start()
    unittest.addModuleCleanup(Deployed.hosts.over.set)
    Deployed.code = Deployed.deploy()


class Whole(unittest.TestCase):
    def stack(self, template: str, account: str = "service"):
        return Deployed.operator.deployment().stacks(account).find(template)

    def get(self, path: str, method: str = "GET") -> tuple[int, dict, dict]:
        """Status, headers and JSON of what the API answers."""
        address = self.stack("api").outputs["Address"]
        request = urllib.request.Request(address + path, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=LONGEST_SECONDS)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, json.loads(answer.read() or b"null")

    def test_every_stack_is_made_and_only_the_missing_enclave_is_reported(self):
        for template in ("storage", "network", "artifacts", "hosts", "api", "watch"):
            self.assertTrue(self.stack(template).settled, template)
        # The smoke test comes last, and asks whether the service is ready.
        self.assertEqual(Deployed.code, 1)
        status, _, problem = self.get("/readyz")
        self.assertEqual(status, 503)
        self.assertIn("enclave", json.dumps(problem))

    def test_each_function_answers_through_the_api(self):
        status, _, health = self.get("/healthz")
        self.assertEqual((status, health["status"]), (200, "ok"))
        # One route of each function; nobody is signed in.
        for path in ("/v1/devices", "/v1/wallets", "/v1/backups"):
            with self.subTest(path):
                status, headers, problem = self.get(path)
                self.assertEqual(status, 401)
                self.assertEqual(headers["Content-Type"], "application/problem+json")
                self.assertIn("code", problem)

    def test_what_the_description_does_not_name_reaches_no_function(self):
        for path, method in [("/v1/nothing", "GET"), ("/healthz", "POST"), ("/", "GET")]:
            status, headers, _ = self.get(path, method)
            self.assertEqual(status, 404)
            self.assertNotEqual(headers["Content-Type"], "application/problem+json")

    def test_a_second_run_changes_nothing(self):
        def times():
            found = deploying.client("cloudformation", deploying.SERVICE).describe_stacks()[
                "Stacks"
            ]
            return {it["StackName"]: it.get("LastUpdatedTime") for it in found}

        before = times()
        Deployed.deploy()
        self.assertEqual(times(), before)

    def test_an_image_is_rolled_over_and_an_interrupted_roll_over_goes_on(self):
        first, second = Named.by(self.stack("key", "keys").parameters).running, 2
        Deployed.people.build(second)
        Deployed.people.release(second)
        Deployed.people.publish(1, second)
        following = Deployed.operator.deployment().settings.image.pcrs
        # Interrupted once the new image may start, with the old hosts still there.
        with mock.patch.object(fleet, "wait_until_replaced", side_effect=KeyboardInterrupt):
            self.assertEqual(Deployed.deploy(), 1)
        self.assertEqual(Named.by(self.stack("key", "keys").parameters), Named(first, following))
        both = f"{','.join(first)};{','.join(following)}"
        self.assertEqual(self.stack("api").parameters["ExpectedPcrs"], both)
        Deployed.deploy()
        self.assertEqual(Named.by(self.stack("key", "keys").parameters), Named(following))
        self.assertEqual(self.stack("api").parameters["ExpectedPcrs"], ",".join(following))
        self.assertEqual(
            Deployed.hosts.running["Release"], self.stack("hosts").parameters["Release"]
        )

    def test_an_image_of_which_no_published_release_tells_is_not_admitted_and_replaces_no_host(self):
        settings = Deployed.operator.settings.read_text()
        self.addCleanup(Deployed.operator.settings.write_text, settings)
        before = [self.stack(*it).parameters for it in (("key", "keys"), ("hosts",), ("api",))]
        Deployed.people.build(3)
        # Signed is not enough: clients are handed what is published.
        Deployed.people.release(3)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(Deployed.deploy(), 1)
        self.assertIn("no release that is published names the image", said.getvalue())
        after = [self.stack(*it).parameters for it in (("key", "keys"), ("hosts",), ("api",))]
        self.assertEqual(after, before)

    def test_old_hosts_keep_the_old_image_in_the_policy(self):
        accounts = Deployed.operator.deployment().accounts
        release = self.stack("hosts").parameters["Release"]
        deadline = time.monotonic() + LONGEST_SECONDS
        while fleet.lagging(accounts, release) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(fleet.lagging(accounts, release), [])
        self.assertIn("runs another release", fleet.lagging(accounts, "hosts-another")[0])
        table = deploying.client("dynamodb", deploying.SERVICE)
        stray = {"pk": {"S": "enclave"}, "sk": {"S": "stray"}, "address": {"S": "192.0.2.1:8443"}}
        stray["expires_at"] = {"N": str(int(time.time()) + 3600)}
        table.put_item(TableName=f"{NAME}-fleet", Item=stray)
        self.assertEqual(
            fleet.lagging(accounts, release), ["the enclave at 192.0.2.1 is of no new host"]
        )
        # A row that is over is nobody's.
        self.assertEqual(
            [
                it
                for it in fleet.lagging(accounts, release, time.time() + 7200)
                if "192.0.2.1" in it
            ],
            [],
        )
        table.delete_item(TableName=f"{NAME}-fleet", Key={"pk": stray["pk"], "sk": stray["sk"]})


class WholeBehindAnEdge(unittest.TestCase):
    """In the order of names, behind what calls the API itself."""

    def test_what_comes_past_the_distribution_is_refused(self):
        operator = Deployed.operator
        Deployed.people.build(1)
        operator.extra += f'[edge]\nhost = "wallet.example"\ncertificate = "{CERTIFICATE}"\n'
        operator.write()
        # Where the host name leads is no change set: --yes does not say it.
        self.assertEqual(Deployed.deploy(), 1)
        stacks = operator.deployment().stacks
        self.assertTrue(stacks("edge").find("edge").settled)
        self.assertEqual(stacks("service").find("api").parameters["EdgeHost"], "")
        for more in (("--host-name-leads-there",), ()):
            # Nothing answers at wallet.example here.
            self.assertEqual(Deployed.deploy(*more), 1)
            self.assertTrue(stacks("edge").find("edge").settled)
            api = stacks("service").find("api")
            self.assertEqual(api.parameters["EdgeHost"], "wallet.example")
            self.assertRegex(api.parameters["EdgeSecretSha256"], "^[0-9a-f]{64}$")
        # A new secret is known before it is sent, and then it alone.
        secrets = operator.deployment().accounts.edge("secretsmanager")
        arn = stacks("edge").find("edge").outputs["SecretArn"]
        put = secrets.put_secret_value(SecretId=arn, SecretString="another" * 7)
        self.assertEqual(Deployed.deploy(), 1)
        sent = stacks("edge").find("edge").parameters["SecretVersion"]
        self.assertEqual(sent, put["VersionId"])
        known = stacks("service").find("api").parameters["EdgeSecretSha256"]
        self.assertEqual(known, hashlib.sha256(b"another" * 7).hexdigest())
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(api.outputs["Address"] + "/healthz", timeout=LONGEST_SECONDS)
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()


class WholeTakenDown(unittest.TestCase):
    """In the order of names, behind all that needs the deployment."""

    def test_what_computes_goes_and_what_holds_data_stays(self):
        operator = Deployed.operator
        Deployed.hosts.over.set()
        Deployed.hosts.join()
        self.assertEqual(operator.destroy("--yes"), 0)
        deployment = operator.deployment()
        self.assertIsNone(deployment.stacks("edge").find("edge"))
        for template in ("watch", "api", "hosts", "network"):
            self.assertIsNone(deployment.stacks("service").find(template), template)
        for template in ("storage", "artifacts"):
            self.assertTrue(deployment.stacks("service").find(template).settled, template)
        self.assertEqual(deployment.named_now(), Named())
        # And back, beside whatever was kept.
        Deployed.hosts = Hosts()
        Deployed.hosts.start()
        self.assertEqual(Deployed.deploy("--host-name-leads-there"), 1)
        for template in ("network", "hosts", "api", "watch"):
            self.assertTrue(deployment.stacks("service").find(template).settled, template)

"""Makes a deployment, or brings it up to date. The same command in either case.

Every step looks at what is there and does what is missing, so a run that was interrupted, refused or
failed is given again. Nothing is remembered on this machine.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from operate import Refused, doctor, edge, fleet, release, released, smoke, tables
from operate.accounts import Accounts
from operate.agreement import Agreement, say
from operate.policy import Named
from operate.settings import Settings, read
from operate.stacks import TEMPLATES, Stack, Stacks

EPILOG = """
The two-person rule: whoever may change the key's policy runs `--only key`, with credentials of the
account of keys alone; whoever runs the service runs `--only service`, which stops where the key's
policy must be changed first and says so. Neither builds an image. The first one comes in this order:
`--only key` and `--only service` without an image, its release published, `--only service` with it, and
when that asks, `--only key` with it.
"""
IMAGES = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"


@dataclass
class Deployment:
    """One run."""

    settings: Settings
    accounts: Accounts
    agreement: Agreement
    only: str | None = None
    # What `./dev build` made; none: build it now.
    built: Path | None = None
    loss_of_data: bool = False
    # The operator of the service says so to the one of the key.
    old_image_has_gone: bool = False
    # And the other way round, with the PCR0 that the policy names.
    image_is_admitted: str | None = None
    host_name_leads_there: bool = False
    # An image that clients do not know.
    without_release: bool = False
    # What those who use the tables are told: parameters of templates.
    told_of_tables: dict[str, str] = field(default_factory=dict)
    _stacks: dict[str, Stacks] = field(default_factory=dict)

    def run(self) -> None:
        """All steps, in their order."""
        if image := self.settings.image:
            if self.only and image.file is None:
                raise Refused(
                    f"with --only {self.only} nothing is built, or each of two would admit or start an "
                    "image of his own: build it once and name image.file in both settings"
                )
            image = release.image(image, self.without_release)
            self.settings = replace(self.settings, image=image)
        if self.only == "key":
            return self.key_alone()
        key_arn = self.key_for_service()
        self.told_of_tables = self.storage()
        network = self.stack("network", Prefix=self.settings.prefix)
        bucket = self.stack("artifacts").outputs["ArtifactBucket"]
        if self.settings.image is None:
            say(
                f"\nThe key is {key_arn}. Build the enclave image with it, name the image and its "
                "measurements in the settings, and give this command again."
            )
            return
        if not self.without_release:
            released.published(self.settings, tables.in_use(self.accounts))
        functions = self.upload(bucket)
        self.replace_hosts(network, bucket, key_arn)
        api = self.interface(network, bucket, functions)
        self.watch(api)
        edge_host = self.settings.edge and f"https://{self.settings.edge.host}"
        address = edge_host or api.outputs["Address"]
        smoke.check(address)
        self.examine(address)

    # The key.

    def key_for_service(self) -> str:
        """The key's ARN, its stack made if it may be."""
        if self.only == "service":
            if self.settings.key_arn is None:
                raise Refused(
                    "the settings lack key.arn, which `--only key` says to those who may run it"
                )
            return self.settings.key_arn
        stack = self.stacks("keys").find("key")
        if stack is None or not stack.settled:
            stack = self.key_stack(Named.by(stack.parameters) if stack else Named())
        return stack.outputs["KeyArn"]

    def key_stack(self, named: Named) -> Stack:
        """Deploys the key's policy with these images in it."""
        settings = self.settings
        return self.stack(
            "key",
            "keys",
            Deployment=settings.name,
            BreakGlassRoleArn=settings.break_glass_role,
            AuditRoleArn=settings.audit_role,
            EnclaveHostRoleArn=settings.host_role if named.running else "",
            **named.parameters(),
        )

    def named_now(self) -> Named:
        """The images that the policy names."""
        stack = self.stacks("keys").find("key")
        return Named.by(stack.parameters) if stack else Named()

    def admit(self) -> None:
        """Lets the image's enclaves use the key, beside those that run."""
        pcrs = self.settings.image.pcrs
        if self.only == "service":
            admitted = self.image_is_admitted
            if admitted not in (None, pcrs[0]):
                raise Refused(
                    f"the image that was admitted has PCR0 {admitted}, and the one of the settings "
                    f"{pcrs[0]}: KMS would refuse it"
                )
            self.agreement.confirm(
                "The image of the settings can only start once the key's policy names it. Has "
                f"`--only key` been run for the image with PCR0 {pcrs[0]}?",
                "--image-is-admitted with the PCR0 that `--only key` printed",
                admitted is not None,
            )
            return
        self.key_stack(self.named_now().admitting(pcrs))

    def retire(self) -> None:
        """Takes every other image out of the policy."""
        if self.only == "service":
            say(
                "Only the new image's hosts are left. If the key's policy names another image "
                "too, have `--only key --old-image-has-gone` run."
            )
            return
        self.key_stack(self.named_now().alone(self.settings.image.pcrs))

    def key_alone(self) -> None:
        """What those may do who have the account of keys and nothing else."""
        named = self.named_now()
        if self.settings.image:
            if not named.admits(self.settings.image.pcrs) and not self.without_release:
                released.signed(self.settings)
            named = named.admitting(self.settings.image.pcrs)
            if self.old_image_has_gone:
                named = named.alone(self.settings.image.pcrs)
        if named.running and self.named_now().running is None:
            say(
                "This names the first image, and with it the hosts' role. KMS refuses a role that does "
                "not exist: should it refuse this, let `--only service` make the hosts, and give this again."
            )
        stack = self.key_stack(named)
        say(f"key.arn of the settings: {stack.outputs['KeyArn']}")
        for image in filter(None, (named.running, named.following)):
            say(f"admitted: the image with PCR0 {image[0]}")
        if named.following:
            say(
                "Two images are named. When the hosts are replaced, give this again with "
                "--old-image-has-gone."
            )

    # The service.

    def storage(self) -> dict[str, str]:
        """Brings the tables that are in use up to date; returns what those who use them are told."""
        used = tables.in_use(self.accounts)
        stack = used.stack()
        own = {"Prefix": used.prefix}
        if stack and "RestoredFrom" in stack.parameters:
            own["RestoredFrom"] = stack.parameters["RestoredFrom"]
        own |= self.settings.parameters.get("storage", {})
        stack = used.stacks.bring_up_to_date("storage", own, self.agreement, self.loss_of_data)
        return tables.parameters(used, stack.outputs)

    def upload(self, bucket: str) -> release.Release:
        """Builds what runs and brings it into the bucket; returns the functions'."""
        settings = self.settings
        built = self.built or release.build()
        functions = release.functions(built, settings.architecture, TEMPLATES)
        self.hosts = release.hosts(built, settings.host_architecture, settings.image)
        for one in (functions, self.hosts):
            say(f"release {one.folder}")
            one.upload(self.accounts.service("s3"), bucket)
        return functions

    def replace_hosts(self, network: Stack, bucket: str, key_arn: str) -> None:
        """Rolls the image over: admitted first, then all hosts replaced, then alone."""
        # The policy can name the hosts' role only once it exists: the very first enclaves are
        # refused by KMS until it does.
        role_exists = self.stacks("service").holds("hosts", "Role")
        if role_exists:
            self.admit()
        self.expect_both()
        self.stack(
            "hosts",
            Prefix=self.settings.prefix,
            TablePrefix=self.told_of_tables["TablePrefix"],
            Subnets=network.outputs["HostSubnets"],
            SecurityGroup=network.outputs["HostsGroup"],
            KeyArn=key_arn,
            ArtifactBucket=bucket,
            Release=self.hosts.folder,
            EnclaveSha256=self.hosts.digest("enclave.eif"),
            HostSha256=self.hosts.digest("enclave-host"),
            Image=IMAGES + self.settings.host_architecture,
        )
        if not role_exists:
            self.admit()
        fleet.wait_until_replaced(self.accounts, self.hosts.folder)
        self.retire()

    def expect_both(self) -> None:
        """While hosts are replaced either image is as it should be: /readyz is told before the first is.

        By the interface's own stack, which whoever runs the service alone may ask too. Its functions are
        changed only behind the hosts.
        """
        api = self.stacks("service").find("api")
        if api is None:
            return
        new = ",".join(self.settings.image.pcrs)
        expected = [it for it in api.parameters.get("ExpectedPcrs", "").split(";") if it]
        if expected and new not in expected:
            # Of two, the last is the one that the former run brought in.
            both = ";".join([expected[-1], new])
            self.stacks("service").tell("api", self.agreement, ExpectedPcrs=both)

    def interface(self, network: Stack, bucket: str, functions: release.Release) -> Stack:
        """The API with its functions, and what stands before it."""

        def api(**more: str) -> Stack:
            return self.stack(
                "api",
                Prefix=self.settings.prefix,
                Subnets=network.outputs["FunctionSubnets"],
                SecurityGroup=network.outputs["FunctionsGroup"],
                ArtifactBucket=bucket,
                Release=functions.folder,
                Architecture=self.settings.architecture,
                ExpectedPcrs=",".join(self.settings.image.pcrs),
                **self.told_of_tables,
                **more,
            )

        wanted = self.settings.edge
        standing = self.stacks("edge").find("edge")
        now = self.stacks("service").find("api")
        # A distribution alone, of a run in which the question below was not confirmed, closes nothing.
        closed = now is not None and now.parameters.get("EdgeHost", "") != ""
        before = edge.api_parameters(self.accounts, wanted, standing) if closed else {}
        stack = api(**before)
        if wanted is None:
            return stack
        distribution = self.stack(
            "edge",
            "edge",
            Prefix=self.settings.prefix,
            HostName=wanted.host,
            CertificateArn=wanted.certificate,
            SecretVersion=edge.secret_version(self.accounts, standing),
            ApiHost=f"{stack.outputs['ApiId']}.execute-api.{self.settings.region}.amazonaws.com",
        )
        behind = edge.api_parameters(self.accounts, wanted, distribution)
        if behind == before:
            return stack
        if not before:
            self.agreement.confirm(
                "From now on the API answers nothing that comes past the distribution. Does "
                f"{wanted.host} lead to {distribution.outputs['Domain']} by now?",
                "--host-name-leads-there",
                self.host_name_leads_there,
            )
        return api(**behind)

    def examine(self, address: str) -> None:
        """Lets the doctor look, who needs the trust configuration and to see the key."""
        if self.only == "service":
            say("the doctor was not asked: it needs credentials of both accounts")
            return
        used = tables.in_use(self.accounts)
        doctor.check(self.settings, used, used.stack().outputs, address)

    def watch(self, api: Stack) -> None:
        if self.settings.alarm_topic is None:
            say("no alarm_topic in the settings: no alarms")
            return
        hosts_min = self.settings.parameters.get("hosts", {}).get("HostsMin")
        self.stack(
            "watch",
            Prefix=self.settings.prefix,
            TablePrefix=self.told_of_tables["TablePrefix"],
            ApiId=api.outputs["ApiId"],
            Topic=self.settings.alarm_topic,
            **({"HostsMin": hosts_min} if hosts_min else {}),
        )

    def stack(self, template: str, account: str = "service", **parameters: str) -> Stack:
        """Brings one up to date; what the settings say of its parameters comes last."""
        parameters |= self.settings.parameters.get(template, {})
        stacks = self.stacks(account)
        return stacks.bring_up_to_date(template, parameters, self.agreement, self.loss_of_data)

    def stacks(self, account: str) -> Stacks:
        if account not in self._stacks:
            self._stacks[account] = Stacks(self.accounts, account)
        return self._stacks[account]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "infra/deploy",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("settings", type=Path, help="see infra/deployment.example.toml")
    parser.add_argument("--only", choices=("key", "service"), help="with one account's credentials")
    parser.add_argument(
        "--yes", action="store_true", help="agree to every change set; for pipelines"
    )
    parser.add_argument(
        "--built", type=Path, help="folder of what `./dev build` made, instead of building"
    )
    parser.add_argument(
        "--old-image-has-gone", action="store_true", help="with --only key: ends a roll-over"
    )
    parser.add_argument(
        "--image-is-admitted",
        metavar="PCR0",
        help="with --only service: --only key has been run, and printed this of the image",
    )
    parser.add_argument(
        "--host-name-leads-there",
        action="store_true",
        help="the edge's host name leads to its distribution, so that the API needs no other way in",
    )
    parser.add_argument(
        "--without-release",
        action="store_true",
        help="for trials: take an image that no release names, or of a source that was not committed",
    )
    parser.add_argument(
        "--let-go-of-tables-keys-and-buckets",
        dest="loss_of_data",
        action="store_true",
        help="allow change sets that replace or remove what holds users' data",
    )
    given = parser.parse_args(words)
    if given.image_is_admitted and given.only != "service":
        parser.error("--image-is-admitted is for --only service; otherwise the policy itself is asked")
    if given.old_image_has_gone and given.only != "key":
        parser.error("--old-image-has-gone is for --only key; otherwise the fleet itself is asked")

    def work() -> None:
        settings = read(given.settings)
        Deployment(
            settings,
            Accounts(settings),
            Agreement(given.yes),
            given.only,
            given.built,
            given.loss_of_data,
            given.old_image_has_gone,
            given.image_is_admitted,
            given.host_name_leads_there,
            given.without_release,
        ).run()

    return reported("infra/deploy", work)


def reported(name: str, work: Callable[[], None]) -> int:
    """An exit code; what a person can act on without a stack trace."""
    try:
        work()
        return 0
    except (Refused, BotoCoreError, ClientError) as error:
        print(f"{name}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; give the same command again to go on", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

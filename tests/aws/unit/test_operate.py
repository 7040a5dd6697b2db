"""The operator's scripts, as far as they need no AWS."""

import hashlib
import json
import tempfile
import tomllib
import unittest
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from unittest import mock

import deploying
from operate import Refused, doctor, release, released, settings, tables
from operate.accounts import Accounts
from operate.policy import Named
from operate.stacks import TEMPLATES, Change, refuse_loss

EXAMPLE = TEMPLATES.parent / "deployment.example.toml"
A, B, C = (tuple(pcr.hex() for pcr in deploying.image(seed).values()) for seed in (1, 2, 3))


class Settings(unittest.TestCase):
    def refused(self, text: str, *replaced: tuple[str, str]):
        values = EXAMPLE.read_text()
        for old, new in replaced:
            self.assertIn(old, values)
            values = values.replace(old, new)
        with self.assertRaisesRegex(Refused, text):
            settings.parse(tomllib.loads(values), Path())

    def test_the_example_can_be_read(self):
        found = settings.read(EXAMPLE)
        self.assertEqual(found.stack("storage"), "example-storage")
        self.assertEqual(found.host_role, "arn:aws:iam::111122223333:role/example-enclave-host")

    def test_what_is_misspelt_or_malformed_is_named(self):
        self.refused("alarm_topics is no setting", ("alarm_topic", "alarm_topics"))
        self.refused(
            "accounts.keys.role is no setting", ('profile = "sharekeep-keys"', 'role = "x"')
        )
        self.refused(
            "image.files is no setting", ('file = "enclave.eif"', 'file = "e"\nfiles = "e"')
        )
        self.refused("there is no such template", ("[parameters.hosts]", "[parameters.host]"))
        self.refused("name must look like", ('name = "example"', 'name = "Example-"'))
        for name in ("example-r2", "example-r10", "e-r1", "a" * 28):
            self.refused("name must look like", ('name = "example"', f'name = "{name}"'))
        self.refused("accounts.service.id must look like", ('"111122223333"', '"11112222333"'))
        self.refused("HostsMin must be text or a whole number", ("HostsMin = 2", "HostsMin = true"))
        self.refused("name is missing", ('name = "example"', ""))

    def test_the_doctor_is_told_of_everything_that_the_settings_know(self):
        found = settings.read(EXAMPLE)
        outputs = {"RecordsBucket": "records", "AuditBucket": "audit"}
        used = tables.generation(Accounts(found), 2)
        words = doctor.arguments(found, used, outputs, "https://api.example")
        self.assertEqual(words[0], "doctor")
        for expected in (
            f"--trust={EXAMPLE.parent / 'trust.cbor'}",
            f"--pcrs={EXAMPLE.parent / 'enclave.pcrs.json'}",
            "--table-prefix=example-r2-",
            "--host-role=arn:aws:iam::111122223333:role/example-enclave-host",
            "--key-profile=sharekeep-keys",
            "--url=https://api.example",
        ):
            self.assertIn(expected, words)

    def test_the_doctor_is_told_of_a_frozen_policy_only(self):
        found = settings.read(EXAMPLE)
        used = tables.generation(Accounts(found), 1)
        outputs = {"RecordsBucket": "records", "AuditBucket": "audit"}
        for said, frozen in ((None, False), ("no", False), ("for ever", True)):
            key = {} if said is None else {"key": {"FreezePolicy": said}}
            words = doctor.arguments(replace(found, parameters=key), used, outputs, "https://a.example")
            self.assertEqual("--frozen" in words, frozen)

    def test_the_doctor_has_the_credentials_of_the_profile_and_no_others(self):
        found = settings.read(EXAMPLE)
        own = {name: "others" for name in doctor.CREDENTIALS} | {"PATH": "/bin"}
        region = {"PATH": "/bin", "AWS_REGION": found.region}
        self.assertEqual(
            doctor.environment(found, own), {**region, "AWS_PROFILE": "sharekeep-service"}
        )
        # Without one, they are all that there is.
        without = replace(found, service=replace(found.service, profile=None))
        self.assertEqual(doctor.environment(without, own), {**own, **region})

    def test_measurements_of_a_debug_enclave_are_refused(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "pcrs.json"
            one = dict(zip(settings.PCRS, A, strict=True))
            path.write_text(str(one).replace("'", '"').upper())
            self.assertEqual(settings.measurements(path), A)
            for wrong in ("0" * 96, "", A[0][:-1], A[0] + "0", "g" * 96):
                path.write_text(str({**one, "PCR1": wrong}).replace("'", '"'))
                with self.assertRaisesRegex(Refused, "PCR1"):
                    settings.measurements(path)
            for text in ("[]", "1", "{", "null"):
                path.write_text(text)
                with self.assertRaises(Refused):
                    settings.measurements(path)


class Images(unittest.TestCase):
    """What is built, and what is believed of an image, with the programs stood in for."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.ran: list[list[str]] = []
        # What `sharekeep-image verify` finds in the file.
        self.found, self.code = A, 0
        (self.folder / "trust.cbor").write_bytes(b"trust")
        self.source = "0" * 40

    def image(self, **named: str) -> settings.Image:
        lines = {"trust": "trust.cbor"} | named
        values = tomllib.loads(EXAMPLE.read_text()) | {"image": lines}
        return settings.parse(values, self.folder).image

    def run_program(self, words, **_how):
        self.ran.append([str(word) for word in words])
        if "build" in self.ran[-1]:
            folder = self.folder / "built/enclave"
            self.write(folder / "enclave.pcrs.json", folder / "enclave.manifest.json")
            return mock.Mock(returncode=0)
        pairs = zip(settings.PCRS, self.found, strict=True)
        said = "".join(f"{name}: {pcr}\n" for name, pcr in pairs)
        return mock.Mock(returncode=self.code, stdout=said)

    def write(self, pcrs: Path, manifest: Path):
        pcrs.parent.mkdir(parents=True, exist_ok=True)
        pcrs.write_text(json.dumps(dict(zip(settings.PCRS, A, strict=True))))
        inputs = {"trust": hashlib.sha256(b"trust").hexdigest()}
        manifest.write_text(json.dumps({"source": self.source, "inputs": inputs}))

    def made(self, image: settings.Image, **how: bool) -> settings.Image:
        around = {"CARGO_TARGET_DIR": str(self.folder / "built")}
        with (
            mock.patch.object(release.subprocess, "run", self.run_program),
            mock.patch.dict(release.os.environ, around),
        ):
            return release.image(image, **how)

    def given(self) -> settings.Image:
        self.write(self.folder / "pcrs.json", self.folder / "it.json")
        return self.image(file="it.eif", measurements="pcrs.json", manifest="it.json")

    def test_without_an_image_it_is_built_with_the_trust_configuration_and_verified(self):
        made = self.made(self.image())
        build, verify = self.ran
        self.assertEqual(build[1:], ["build", "enclave", "--trust", str(self.folder / "trust.cbor")])
        folder = self.folder / "built/enclave"
        paths = [str(folder / "enclave.eif"), str(folder / "enclave.manifest.json")]
        self.assertEqual(verify[-3:], ["verify", *paths])
        self.assertEqual((made.pcrs, str(made.file)), (A, paths[0]))

    def test_an_image_that_is_not_its_manifests_is_refused(self):
        self.assertEqual(self.made(self.given()).pcrs, A)
        self.code = 1
        with self.assertRaisesRegex(Refused, "is not the image of"):
            self.made(self.given())

    def test_measurements_of_another_image_are_refused(self):
        self.found = B
        with self.assertRaisesRegex(Refused, "are not the measurements of"):
            self.made(self.given())

    def test_another_trust_configuration_than_the_images_is_refused(self):
        (self.folder / "trust.cbor").write_bytes(b"with another's release keys")
        for image in (self.given(), self.image()):
            with self.assertRaisesRegex(Refused, "is not the trust configuration of"):
                self.made(image, of_changed_source=True)

    def test_an_image_of_a_source_that_was_not_committed_is_refused_unless_asked_for(self):
        self.source += ", changed"
        for image in (self.given(), self.image()):
            with self.assertRaisesRegex(Refused, "was not committed"):
                self.made(image)
            self.assertEqual(self.made(image, of_changed_source=True).pcrs, A)

    def test_half_an_image_in_the_settings_is_refused(self):
        for named in ({"measurements": "a"}, {"manifest": "a"}):
            with self.assertRaisesRegex(Refused, "is no setting"):
                self.image(**named)
        with self.assertRaisesRegex(Refused, "image.measurements is missing"):
            self.image(file="a")
        with self.assertRaisesRegex(Refused, "image.manifest is missing"):
            self.image(file="a", measurements="a")
        with self.assertRaisesRegex(Refused, "image.trust is missing"):
            self.image(trust="")


class KnownImages(unittest.TestCase):
    """What the operator's program says of releases, and what follows."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        (self.folder / "pcrs.json").write_text(json.dumps(dict(zip(settings.PCRS, A, strict=True))))
        self.asked: list[str] = []
        self.code = 0

    def settings(self, **more: str) -> settings.Settings:
        image = {"file": "it", "measurements": "pcrs.json", "manifest": "it", "trust": "trust.cbor"}
        values = tomllib.loads(EXAMPLE.read_text()) | {"image": image | more}
        return settings.parse(values, self.folder)

    def release(self, pcrs: tuple[str, ...], deployment: str = "example") -> dict:
        return {
            "deployment": deployment,
            "measurements": dict(zip(settings.PCRS, pcrs, strict=True)),
        }

    def held(self, said: dict, check, *more):
        def run(words, **_how):
            self.asked = words
            return mock.Mock(returncode=self.code, stdout=json.dumps(said))

        with mock.patch.object(released.subprocess, "run", run):
            check(*more)

    def test_only_an_image_that_a_published_release_names_goes_on(self):
        known = self.settings()
        used = tables.generation(Accounts(known), 2)
        both = {"releases": [self.release(B), self.release(A)]}
        self.held(both, released.published, known, used)
        for word in ("list", "--table-prefix=example-r2-", f"--trust={self.folder / 'trust.cbor'}"):
            self.assertIn(word, self.asked)
        another = (B[0], *A[1:]), (A[0], B[1], A[2]), (*A[:2], B[2])
        for releases in (
            [],
            [self.release(A, "another")],
            [self.release(it) for it in another],
        ):
            with self.assertRaisesRegex(Refused, "no release that is published names"):
                self.held({"releases": releases}, released.published, known, used)
        # The program found a release that is not signed as it must be.
        self.code = 1
        with self.assertRaisesRegex(Refused, "could not be verified"):
            self.held(both, released.published, known, used)

    def test_who_sees_the_key_alone_holds_the_image_against_the_signed_release(self):
        with self.assertRaisesRegex(Refused, "image.release"):
            self.held(self.release(A), released.signed, self.settings())
        known = self.settings(release="release-1.json")
        self.held(self.release(A), released.signed, known)
        self.assertEqual(self.asked[-2], str(self.folder / "release-1.json"))
        with self.assertRaisesRegex(Refused, "release-1.json does not name"):
            self.held(self.release(B), released.signed, known)
        self.code = 1
        with self.assertRaisesRegex(Refused, "could not be verified"):
            self.held(self.release(A), released.signed, known)


class Generations(unittest.TestCase):
    def accounts(self, *found: tuple[str, str]) -> Accounts:
        """Where there are these stacks, restored from these tables."""
        accounts = Accounts(settings.read(EXAMPLE))
        stacks = [
            {
                "StackName": name,
                "Parameters": [{"ParameterKey": "RestoredFrom", "ParameterValue": value}],
            }
            for name, value in found
        ]
        client = mock.Mock()
        client.get_paginator.return_value.paginate.return_value = [{"Stacks": stacks}]
        accounts.service = lambda _: client
        return accounts

    def numbers(self, *found: tuple[str, str]) -> list[int]:
        return [it.number for it in tables.existing(self.accounts(*found))]

    def test_tables_of_another_deployment_are_not_taken_for_restored_ones(self):
        first = ("example-storage", "none")
        second = ("example-r2-storage", "example- at 2026-11-20T16:00:00Z")
        third = ("example-r3-storage", "example-r2- at 2026-11-20T17:00:00Z undoing removals of 1 to 2")
        self.assertEqual(self.numbers(first, second, third), [3, 2, 1])
        for name, value in [
            ("example-r2-storage", "none"),
            ("example-r2-storage", "another- at 2026-11-20T16:00:00Z"),
            ("example-r3-storage", "example- at 2026-11-20T16:00:00Z"),
            ("example-r1-storage", "example- at 2026-11-20T16:00:00Z"),
            ("example-r2-x-storage", "example- at 2026-11-20T16:00:00Z"),
        ]:
            with self.subTest(name, value=value):
                self.assertEqual(self.numbers(first, (name, value)), [1])

    def test_every_name_that_is_taken_can_be_restored(self):
        values = tomllib.loads(EXAMPLE.read_text()) | {"name": "a" * 27}
        longest = Accounts(settings.parse(values, Path()))
        self.assertEqual(len(tables.generation(longest, 99).prefix), tables.MAX_PREFIX_CHARS)


class Policy(unittest.TestCase):
    """All the ways that a roll-over can be interrupted, from the stack's parameters alone."""

    def test_an_image_is_admitted_beside_the_running_one_and_then_alone(self):
        named = Named()
        for wanted, admitted in [(A, Named(A)), (A, Named(A)), (B, Named(A, B)), (B, Named(A, B))]:
            named = Named.by(named.admitting(wanted).parameters())
            self.assertEqual(named, admitted)
        self.assertEqual(named.alone(B), Named(B))
        self.assertEqual(named.alone(A), Named(A))

    def test_whatever_the_state_an_admitted_image_is_named_and_nothing_new_else(self):
        for state in (Named(), Named(A), Named(A, B)):
            for image in (A, B, C):
                try:
                    found = state.admitting(image)
                except Refused:
                    self.assertEqual((state, image), (Named(A, B), C))
                    continue
                self.assertTrue(found.admits(image))
                self.assertLessEqual(
                    {found.running, found.following} - {None},
                    {state.running, state.following, image},
                )

    def test_an_image_that_was_never_admitted_is_not_made_the_only_one(self):
        for state in (Named(), Named(A), Named(A, B)):
            with self.assertRaises(Refused):
                state.alone(C)

    def test_half_an_image_in_the_parameters_is_none(self):
        parameters = Named(A).parameters() | {"Pcr2": ""}
        self.assertEqual(Named.by(parameters), Named())


class Changes(unittest.TestCase):
    def test_only_what_loses_data_is_refused(self):
        for kind in ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"):
            for action, replacement in [
                ("Remove", ""),
                ("Modify", "True"),
                ("Modify", "Conditional"),
            ]:
                change = Change(action, "It", kind, replacement)
                with self.assertRaisesRegex(Refused, f"{kind} It"):
                    refuse_loss([Change("Add", "New", kind, ""), change], told=False)
                refuse_loss([change], told=True)
            refuse_loss([Change("Modify", "It", kind, "False")], told=False)
        refuse_loss([Change("Remove", "It", "AWS::Lambda::Function", "")], told=False)


class Releases(unittest.TestCase):
    def test_the_same_programs_are_the_same_release_whoever_packed_them(self):
        with tempfile.TemporaryDirectory() as scratch:
            operator = deploying.Operator(Path(scratch), "same")
            first = release.functions(operator.has_built(), "x86_64", TEMPLATES)
            second = release.functions(operator.has_built(), "x86_64", TEMPLATES)
            self.assertEqual(first.folder, second.folder)
            self.assertEqual(release.zipped(b"program"), release.zipped(b"program"))
            changed = release.Release(first.kind, {**first.files, "wallets.zip": b"another"})
            self.assertNotEqual(first.folder, changed.folder)

    def test_a_package_holds_one_program_that_may_be_executed(self):
        with zipfile.ZipFile(BytesIO(release.zipped(b"program"))) as archive:
            (entry,) = archive.infolist()
            self.assertEqual((entry.filename, archive.read(entry)), ("bootstrap", b"program"))
            self.assertEqual(entry.external_attr >> 16 & 0o777, 0o755)

    def test_what_was_not_built_is_named(self):
        with self.assertRaisesRegex(Refused, "janitor/bootstrap.zip"):
            release.functions(Path("/nowhere"), "arm64", TEMPLATES)

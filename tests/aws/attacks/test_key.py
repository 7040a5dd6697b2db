import json
import time

from botocore.exceptions import ClientError

import deployment
import nitro
from attacks.asking import FOREIGN_IMAGE, IMAGE, NEXT_IMAGE, ROOT, Asking

RUNNING = {"EnclaveHostRoleArn": deployment.HOSTS, **deployment.image_parameters(IMAGE)}
DATA_KEY_ACTIONS = ("generate_data_key", "decrypt")


class Attacks:
    """What must fail whatever else the policy allows."""

    def decrypt(self, **other):
        return {
            "KeyId": self.key,
            "CiphertextBlob": self.wrapped(),
            "EncryptionContext": self.context(),
            "Recipient": self.enclave.asking(),
            **other,
        }

    def both_refused(self, client=None, code="AccessDeniedException", **other):
        client = client or self.hosts
        for operation, parameters in zip(DATA_KEY_ACTIONS, (self.generate(), self.decrypt())):
            self.refused(client, operation, code, **{**parameters, **other})

    def test_a_data_key_cannot_be_reencrypted_to_an_attackers_key(self):
        open_key = self.strangers.create_key(Policy=open_policy(deployment.STRANGER))
        target = open_key["KeyMetadata"]["Arn"]
        for client in self.everybody:
            self.refused(
                client,
                "re_encrypt",
                SourceKeyId=self.key,
                CiphertextBlob=self.wrapped(),
                SourceEncryptionContext=self.context(),
                DestinationKeyId=target,
            )

    def test_a_known_key_cannot_be_reencrypted_into_ours(self):
        theirs = self.strangers.create_key(Policy=open_policy("*"))["KeyMetadata"]["Arn"]
        known = self.strangers.encrypt(KeyId=theirs, Plaintext=bytes(32))["CiphertextBlob"]
        for client in self.everybody:
            self.refused(
                client,
                "re_encrypt",
                SourceKeyId=theirs,
                CiphertextBlob=known,
                DestinationKeyId=self.key,
                DestinationEncryptionContext=self.context(),
            )

    def test_a_data_key_cannot_be_planted(self):
        key, context = {"KeyId": self.key}, {"EncryptionContext": self.context()}
        pair = {"KeyPairSpec": "ECC_NIST_P256"}
        for client in self.everybody:
            self.refused(client, "encrypt", Plaintext=bytes(32), **key, **context)
            self.refused(client, "generate_data_key", KeySpec="AES_256", **key, **context)
            self.refused(
                client, "generate_data_key_without_plaintext", KeySpec="AES_256", **key, **context
            )
            self.refused(client, "generate_data_key_pair", **pair, **key, **context)
            self.refused(
                client, "generate_data_key_pair_without_plaintext", **pair, **key, **context
            )
            recipient = {"Recipient": self.enclave.asking()}
            self.refused(client, "generate_data_key_pair", **pair, **key, **context, **recipient)

    def test_nobody_gives_a_grant(self):
        for client in self.everybody:
            self.refused(
                client,
                "create_grant",
                KeyId=self.key,
                GranteePrincipal=deployment.HOSTS,
                Operations=["Decrypt", "Encrypt"],
            )

    def test_nobody_decrypts_without_attestation(self):
        wrapped = self.wrapped()
        for client in self.everybody:
            for named in ({"KeyId": self.key}, {}):
                # Without the key's ARN another account does not even find the key.
                outsider = not named and client in (self.hosts, self.strangers)
                self.refused(
                    client,
                    "decrypt",
                    "InvalidCiphertextException" if outsider else "AccessDeniedException",
                    CiphertextBlob=wrapped,
                    EncryptionContext=self.context(),
                    **named,
                )

    def test_another_image_is_refused(self):
        self.both_refused(Recipient=nitro.Enclave(ROOT, FOREIGN_IMAGE).asking())

    def test_each_measurement_counts(self):
        for number in range(3):
            mixed = {**IMAGE, number: FOREIGN_IMAGE[number]}
            self.both_refused(Recipient=nitro.Enclave(ROOT, mixed).asking())

    def test_an_enclave_in_debug_mode_is_refused(self):
        debug = {number: bytes(48) for number in range(3)}
        self.both_refused(Recipient=nitro.Enclave(ROOT, debug).asking())

    def test_a_document_that_proves_nothing_is_refused(self):
        other_root = nitro.Authority.root()
        documents = {
            "wrong root": nitro.Enclave(other_root, IMAGE).asking(),
            "forged chain": nitro.Enclave(other_root, IMAGE).asking(bundle_root=ROOT),
            "expired": self.enclave.asking(leaf_validity={"since": -2, "until": -1}),
            "old": self.enclave.asking(made_at=time.time() - 600),
            "unsigned": self.enclave.asking(header={1: -1}),
            "zero signature": self.enclave.asking(signature=bytes(96)),
            "tampered": self.enclave.asking(after_signing=lambda it: it[:-1] + b"\1"),
            "garbage": {**self.enclave.asking(), "AttestationDocument": b"garbage"},
        }
        for what, recipient in documents.items():
            with self.subTest(what):
                self.both_refused(code="ValidationException", Recipient=recipient)
        for client in self.everybody:
            self.refused(
                client,
                "generate_random",
                "ValidationException",
                NumberOfBytes=32,
                Recipient=documents["garbage"],
            )

    def test_another_context_is_refused(self):
        contexts = [self.context(service="other"), self.context(deployment="other")]
        contexts += [self.context(tenant=""), self.context(purpose=""), self.context(more="x"), {}]
        for name in self.context():
            lacking = self.context()
            del lacking[name]
            contexts.append(lacking)
        for context in contexts:
            with self.subTest(context):
                self.both_refused(EncryptionContext=context)

    def test_another_tenants_data_key_does_not_open(self):
        for other in (self.context(tenant="u"), self.context(purpose="q")):
            parameters = self.decrypt(EncryptionContext=other)
            self.refused(self.hosts, "decrypt", "InvalidCiphertextException", **parameters)

    def test_a_changed_data_key_does_not_open(self):
        changed = bytearray(self.wrapped())
        changed[-1] ^= 1
        parameters = self.decrypt(CiphertextBlob=bytes(changed))
        self.refused(self.hosts, "decrypt", "InvalidCiphertextException", **parameters)

    def test_another_keys_arn_does_not_open_the_data_key(self):
        other = self.keepers.create_key(Policy=open_policy("*"))["KeyMetadata"]["Arn"]
        parameters = self.decrypt(KeyId=other)
        self.refused(self.hosts, "decrypt", "IncorrectKeyException", **parameters)

    def test_administration_is_left_to_break_glass(self):
        for client in (self.hosts, self.auditors, self.administrators, self.strangers):
            self.refused(
                client,
                "put_key_policy",
                KeyId=self.key,
                PolicyName="default",
                Policy=open_policy("*"),
            )
            self.refused(client, "schedule_key_deletion", KeyId=self.key, PendingWindowInDays=7)
            self.refused(client, "disable_key", KeyId=self.key)
            self.refused(client, "disable_key_rotation", KeyId=self.key)


class Running(Attacks, Asking):
    name = "running"
    parameters = RUNNING

    def test_the_image_gets_a_data_key_and_opens_it_again(self):
        made = self.ask(self.hosts, "generate_data_key", **self.generate())
        self.assertEqual(made["KeyId"], self.key)
        data_key = self.enclave.open(made["CiphertextForRecipient"])
        self.assertEqual(len(data_key), 32)
        opened = self.ask(
            self.hosts, "decrypt", **self.decrypt(CiphertextBlob=made["CiphertextBlob"])
        )
        self.assertEqual(opened["KeyId"], self.key)
        self.assertEqual(self.enclave.open(opened["CiphertextForRecipient"]), data_key)

    def test_the_answer_is_in_awss_own_form(self):
        made = self.ask(self.hosts, "generate_data_key", **self.generate())
        self.assertEqual(made["CiphertextForRecipient"][:2], b"\x30\x80")

    def test_nobody_else_uses_the_key_even_with_a_good_document(self):
        for client in (self.keepers, self.auditors, self.administrators, self.strangers):
            self.both_refused(client)

    def test_an_alias_to_another_key_shows_in_the_answer(self):
        planted = self.keepers.create_key(Policy=open_policy("*"))["KeyMetadata"]["Arn"]
        self.keepers.create_alias(AliasName="alias/sharekeep", TargetKeyId=planted)
        alias = f"arn:aws:kms:{deployment.REGION}:{deployment.KEYS}:alias/sharekeep"
        made = self.ask(self.hosts, "generate_data_key", **self.generate(KeyId=alias))
        # An enclave compares this with the ARN that it was measured with.
        self.assertEqual(made["KeyId"], planted)
        self.assertNotEqual(made["KeyId"], self.key)

    def test_nobody_points_an_alias_at_the_key(self):
        for client in self.everybody:
            code = "NotFoundException" if client in (self.hosts, self.strangers) else None
            self.refused(
                client,
                "create_alias",
                code or "AccessDeniedException",
                AliasName="alias/ours",
                TargetKeyId=self.key.rsplit("/")[-1],
            )

    def test_auditors_see_the_policy_and_change_nothing(self):
        answer = self.ask(self.auditors, "get_key_policy", KeyId=self.key, PolicyName="default")
        sids = [statement["Sid"] for statement in json.loads(answer["Policy"])["Statement"]]
        self.assertIn("NoOtherWayInOrOut", sids)
        self.assertTrue(
            self.ask(self.auditors, "get_key_rotation_status", KeyId=self.key)["KeyRotationEnabled"]
        )
        for client in (self.hosts, self.administrators, self.strangers):
            self.refused(client, "get_key_policy", KeyId=self.key, PolicyName="default")

    def test_not_even_break_glass_stops_rotation_or_uses_the_key(self):
        self.refused(self.keepers, "disable_key_rotation", KeyId=self.key)
        self.both_refused(self.keepers)


class Overruled(Attacks, Asking):
    """The same attacks, although somebody added a statement that allows everything to everybody."""

    name = "overruled"
    parameters = RUNNING

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        named = {"KeyId": cls.key, "PolicyName": "default"}
        policy = json.loads(cls.keepers.get_key_policy(**named)["Policy"])
        policy["Statement"] += json.loads(open_policy("*"))["Statement"]
        cls.keepers.put_key_policy(**named, Policy=json.dumps(policy))

    def test_the_statement_does_allow_what_nothing_denies(self):
        self.ask(self.strangers, "describe_key", KeyId=self.key)


class Disabled(Asking):
    name = "disabled"
    parameters = RUNNING

    def test_a_disabled_key_and_one_to_be_deleted_open_nothing(self):
        wrapped = self.wrapped()
        opening = {
            "KeyId": self.key,
            "CiphertextBlob": wrapped,
            "EncryptionContext": self.context(),
        }
        self.ask(self.keepers, "disable_key", KeyId=self.key)
        self.refused(self.hosts, "generate_data_key", "DisabledException", **self.generate())
        opening["Recipient"] = self.enclave.asking()
        self.refused(self.hosts, "decrypt", "DisabledException", **opening)
        self.ask(self.keepers, "enable_key", KeyId=self.key)
        self.ask(self.hosts, "decrypt", **opening)
        self.ask(self.keepers, "schedule_key_deletion", KeyId=self.key, PendingWindowInDays=30)
        self.refused(self.hosts, "decrypt", "KMSInvalidStateException", **opening)


class Bootstrap(Asking):
    name = "bootstrap"

    def test_nobody_can_use_the_key_before_the_first_image(self):
        for client in self.everybody:
            self.refused(client, "generate_data_key", **self.generate())
            self.refused(
                client,
                "encrypt",
                KeyId=self.key,
                Plaintext=bytes(32),
                EncryptionContext=self.context(),
            )


class Rollover(Asking):
    name = "rollover"
    parameters = {**RUNNING, **deployment.image_parameters(NEXT_IMAGE, "NextPcr")}

    def test_both_images_open_the_same_data_key(self):
        wrapped = self.wrapped()
        for image in (IMAGE, NEXT_IMAGE):
            enclave = nitro.Enclave(ROOT, image)
            answer = self.ask(
                self.hosts,
                "decrypt",
                KeyId=self.key,
                CiphertextBlob=wrapped,
                EncryptionContext=self.context(),
                Recipient=enclave.asking(),
            )
            self.assertEqual(len(enclave.open(answer["CiphertextForRecipient"])), 32)

    def test_a_mixture_of_the_two_images_and_a_third_are_refused(self):
        for image in (FOREIGN_IMAGE, {**IMAGE, 2: NEXT_IMAGE[2]}, {**NEXT_IMAGE, 0: IMAGE[0]}):
            asking = self.generate(nitro.Enclave(ROOT, image))
            self.refused(self.hosts, "generate_data_key", **asking)


class Frozen(Asking):
    name = "frozen"
    parameters = {**RUNNING, "FreezePolicy": "for ever"}

    def test_nobody_changes_a_frozen_policy(self):
        self.wrapped()
        for client in self.everybody:
            self.refused(
                client,
                "put_key_policy",
                KeyId=self.key,
                PolicyName="default",
                Policy=open_policy("*"),
            )


class PolicyChange(Asking):
    name = "changed"
    parameters = RUNNING

    def test_break_glass_can_change_the_policy_and_that_counts_at_once(self):
        self.wrapped()
        current = self.ask(self.keepers, "get_key_policy", KeyId=self.key, PolicyName="default")
        policy = json.loads(current["Policy"])
        policy["Statement"] = [
            it for it in policy["Statement"] if it["Sid"] != "DataKeysForTheImage"
        ]
        self.ask(
            self.keepers,
            "put_key_policy",
            KeyId=self.key,
            PolicyName="default",
            Policy=json.dumps(policy),
        )
        self.refused(self.hosts, "generate_data_key", **self.generate())

    def test_a_weakened_policy_still_gives_no_plaintext(self):
        # The emulator's own last line: a policy that asks for attestation anywhere.
        key = self.keepers.create_key(
            Policy=open_policy(
                "*",
                **{
                    "Sid": "Attested",
                    "Action": "kms:Sign",
                    "Condition": {"StringEquals": {"kms:RecipientAttestation:PCR0": "00"}},
                },
            )
        )["KeyMetadata"]["Arn"]
        with self.assertRaisesRegex(ClientError, "answers attested enclaves only"):
            self.ask(self.hosts, "generate_data_key", KeyId=key, KeySpec="AES_256")


def open_policy(principal: str, **further) -> str:
    """A policy that lets a principal, or everybody, do everything."""
    every = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:*", "Resource": "*"}
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [every, *([every | further] if further else [])]}
    )

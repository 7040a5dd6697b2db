import time
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import nitro
from attested_kms.attestation import MAX_DOCUMENT_BYTES, InvalidDocument, verify

# A document that AWS made, and AWS's root: the product's own verifier is tested with them too.
FIXTURES = Path(__file__).parents[3] / "crates/channel/fixtures"
ROOT = nitro.Authority.root()
ENCLAVE = nitro.Enclave(ROOT, nitro.pcrs(1))


def without(name):
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def with_claim(name, value):
    return lambda claims: {**claims, name: value}


class Documents(unittest.TestCase):
    def refused(self, document: bytes, why: str):
        with self.assertRaisesRegex(InvalidDocument, why):
            verify(document, ROOT.certificate)

    def test_a_good_document_gives_its_measurements_and_its_key(self):
        attested = verify(ENCLAVE.document(), ROOT.certificate)
        self.assertEqual(attested.pcrs, ENCLAVE.pcrs)
        self.assertEqual(
            attested.recipient.public_numbers(), ENCLAVE.recipient.public_key().public_numbers()
        )

    def test_a_document_of_awss_is_accepted_in_its_time_only(self):
        document = (FIXTURES / "aws_attestation.cose").read_bytes()
        root = x509.load_der_x509_certificate((FIXTURES / "aws_nitro_root_g1.der").read_bytes())
        made_ms = cbor2.loads(cbor2.loads(document)[2])["timestamp"]
        made = datetime.fromtimestamp(made_ms / 1000, timezone.utc)
        self.assertEqual(len(verify(document, root, made).pcrs), 16)
        for now in (made + timedelta(days=1), made - timedelta(days=1)):
            with self.assertRaisesRegex(InvalidDocument, "expired or not valid yet"):
                verify(document, root, now)

    def test_a_document_under_another_root_is_refused(self):
        other = nitro.Authority.root()
        self.refused(nitro.Enclave(other, ENCLAVE.pcrs).document(), "another root")
        # The right root in front of a chain that it did not issue.
        forged = nitro.Enclave(other, ENCLAVE.pcrs).document(bundle_root=ROOT)
        self.refused(forged, "did not sign")

    def test_an_expired_and_an_early_certificate_are_refused(self):
        self.refused(ENCLAVE.document(leaf_validity={"since": -2, "until": -1}), "expired")
        self.refused(ENCLAVE.document(leaf_validity={"since": 1, "until": 2}), "not valid yet")

    def test_an_old_document_and_one_of_the_future_are_refused(self):
        self.refused(ENCLAVE.document(made_at=time.time() - 301), "too old")
        self.refused(ENCLAVE.document(made_at=time.time() + 120), "of the future")

    def test_a_certificate_that_is_no_authority_issues_nothing(self):
        self.refused(ENCLAVE.document(zonal_authority=False), "no authority")

    def test_an_enclave_certificate_does_not_issue_another(self):
        # A leaf's own key signs a second leaf, and the first is put among the authorities.
        def lengthen(claims):
            key = ec.generate_private_key(ec.SECP384R1())
            leaf = nitro.Authority(ROOT.issue("leaf", key.public_key(), authority=False), key)
            second = leaf.issue(
                "second", ec.generate_private_key(ec.SECP384R1()).public_key(), False
            )
            der = serialization.Encoding.DER
            bundle = [ROOT.certificate.public_bytes(der), leaf.certificate.public_bytes(der)]
            return {**claims, "cabundle": bundle, "certificate": second.public_bytes(der)}

        self.refused(ENCLAVE.document(change=lengthen), "no authority")

    def test_a_certificate_signed_with_another_hash_is_refused(self):
        weak = {"digest": hashes.SHA256()}
        self.refused(ENCLAVE.document(leaf_validity=weak), "SHA-384")

    def test_a_changed_payload_is_refused(self):
        def other_image(payload):
            claims = cbor2.loads(payload)
            claims["pcrs"] = nitro.pcrs(2)
            return cbor2.dumps(claims)

        self.refused(ENCLAVE.document(after_signing=other_image), "^signature$")

    def test_a_zeroed_a_short_and_a_foreign_signature_are_refused(self):
        self.refused(ENCLAVE.document(signature=b"\1" * 96), "^signature$")
        self.refused(ENCLAVE.document(signature=b"\1" * 95), "^signature$")

    def test_an_unsigned_document_is_refused(self):
        self.refused(ENCLAVE.document(header={1: -1}), "ES384")

    def test_another_algorithm_or_further_header_is_refused(self):
        self.refused(ENCLAVE.document(header={1: -7}), "ES384")
        self.refused(ENCLAVE.document(header={1: -35, 4: b"x"}), "ES384")
        self.refused(ENCLAVE.document(unprotected={1: -35}), "unprotected")

    def test_a_tagged_document_is_refused_for_the_device_writes_none(self):
        self.refused(ENCLAVE.document(tag=18), "COSE_Sign1")

    def test_a_document_without_a_part_is_refused(self):
        for name in ("digest", "pcrs", "certificate", "cabundle", "public_key", "timestamp"):
            with self.subTest(name):
                self.refused(ENCLAVE.document(change=without(name)), "malformed")

    def test_missing_and_short_measurements_are_refused(self):
        short = {0: b"\1" * 48, 1: b"\1" * 48, 2: b"\1" * 47}
        for wrong in ({0: b"\1" * 48}, {}, short):
            self.refused(ENCLAVE.document(change=with_claim("pcrs", wrong)), "pcrs")

    def test_an_elliptic_and_a_garbage_recipient_key_are_refused(self):
        elliptic = ec.generate_private_key(ec.SECP384R1()).public_key()
        spki = elliptic.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.refused(ENCLAVE.document(public_key=spki), "public key")
        self.refused(ENCLAVE.document(public_key=b"garbage"), "malformed")

    def test_garbage_a_cut_and_a_lengthened_document_are_refused(self):
        document = ENCLAVE.document()
        for wrong in (b"", b"garbage", document[:-1], document + b"\0", b"\x84" * 100):
            self.refused(wrong, "")
        self.refused(b"\x9f" * (MAX_DOCUMENT_BYTES + 1), "size")
        self.refused(b"\x81" * MAX_DOCUMENT_BYTES, "malformed")

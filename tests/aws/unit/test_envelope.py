import base64
import unittest
from pathlib import Path

import nitro
from attested_kms.envelope import CHUNK_BYTES, Form, seal

ENCLAVE = nitro.Enclave(nitro.Authority.root(), nitro.pcrs(1))
# An envelope that AWS made; its private key is unknown.
FROM_AWS = Path(__file__).parents[3] / "crates/channel/fixtures/aws_kms_envelope.b64"


def shape(node):
    """Which parts are in which, strings by their lengths."""
    return [shape(part) for part in node] if isinstance(node, list) else len(node)


class Envelopes(unittest.TestCase):
    def test_both_forms_open_with_the_recipients_key(self):
        for form in Form:
            for length in (0, 1, 16, 32, 1000):
                plaintext = bytes(range(256))[:length] * (1 + length // 256)
                envelope = seal(plaintext, ENCLAVE.recipient.public_key(), form)
                self.assertEqual(ENCLAVE.open(envelope), plaintext)

    def test_awss_form_has_indefinite_lengths_and_several_chunks(self):
        envelope = seal(bytes(32), ENCLAVE.recipient.public_key(), Form.AWS)
        self.assertEqual(envelope[:2], b"\x30\x80")
        _, enveloped = nitro.tree(envelope)
        content = enveloped[0][2][2]
        self.assertEqual([len(chunk) for chunk in content], [CHUNK_BYTES] * 3)

    def test_awss_form_is_that_of_an_envelope_of_awss(self):
        text = FROM_AWS.read_text().strip()
        real = nitro.tree(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        # Its content is one block; so is that of an empty plaintext.
        ours = nitro.tree(seal(b"", ENCLAVE.recipient.public_key(), Form.AWS))
        self.assertEqual(shape(ours), shape(real))

    def test_der_has_one_string_and_definite_lengths(self):
        envelope = seal(bytes(32), ENCLAVE.recipient.public_key(), Form.DER)
        self.assertEqual(envelope[:2], b"\x30\x82")
        _, enveloped = nitro.tree(envelope)
        self.assertIsInstance(enveloped[0][2][2], bytes)

    def test_the_plaintext_is_not_in_it(self):
        plaintext = b"0123456789abcdef" * 2
        for form in Form:
            self.assertNotIn(plaintext[:16], seal(plaintext, ENCLAVE.recipient.public_key(), form))

"""A software Nitro security module: makes attestation documents under a root of its own.

Also makes every kind of bad one that the tests ask for.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

DER = serialization.Encoding.DER


@dataclass
class Authority:
    """A certificate that may issue others, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def root(cls) -> "Authority":
        key = ec.generate_private_key(ec.SECP384R1())
        return cls(
            _certificate("nitro test root", key.public_key(), "nitro test root", key, True), key
        )

    @classmethod
    def load(cls, folder: Path) -> "Authority":
        """What `save` wrote."""
        key = serialization.load_der_private_key((folder / "root.key").read_bytes(), None)
        return cls(x509.load_der_x509_certificate((folder / "root.der").read_bytes()), key)

    def save(self, folder: Path) -> None:
        """Writes root.key and root.der."""
        form = serialization.PrivateFormat.PKCS8
        key = self.key.private_bytes(DER, form, serialization.NoEncryption())
        (folder / "root.key").write_bytes(key)
        (folder / "root.der").write_bytes(self.certificate.public_bytes(DER))

    def issue(self, name: str, public_key, authority: bool, **validity) -> x509.Certificate:
        issuer = self.certificate.subject.rfc4514_string().removeprefix("CN=")
        return _certificate(name, public_key, issuer, self.key, authority, **validity)


def _certificate(name, public_key, issuer, issuer_key, authority, since=-1, until=1, digest=None):
    """Validity in days from now."""

    def named(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=since))
        .not_valid_after(now + timedelta(days=until))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(issuer_key, digest or hashes.SHA384())


def pcrs(seed: int) -> dict[int, bytes]:
    """Measurements of an image that `seed` stands for."""
    return {number: bytes([seed, number] * 24) for number in range(3)}


@dataclass
class Enclave:
    """An enclave of one image, with an RSA key that only it has."""

    root: Authority
    pcrs: dict[int, bytes]
    recipient: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(65537, 2048)
    )

    def document(
        self,
        *,
        bundle_root: Authority | None = None,
        leaf_validity: dict | None = None,
        zonal_authority: bool = True,
        header: dict | None = None,
        unprotected: dict | None = None,
        made_at: float | None = None,
        change=lambda claims: claims,
        after_signing=lambda payload: payload,
        signature: bytes | None = None,
        tag: int | None = None,
        public_key: bytes | None = None,
    ) -> bytes:
        """A good document, or one with exactly the named thing wrong with it."""
        zonal_key = ec.generate_private_key(ec.SECP384R1())
        leaf_key = ec.generate_private_key(ec.SECP384R1())
        zonal = Authority(
            self.root.issue("zonal", zonal_key.public_key(), zonal_authority), zonal_key
        )
        leaf = zonal.issue("enclave", leaf_key.public_key(), False, **(leaf_validity or {}))
        root = (bundle_root or self.root).certificate
        spki = self.recipient.public_key().public_bytes(
            DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        claims = {
            "module_id": "i-0-enc0",
            "digest": "SHA384",
            "timestamp": int((made_at or time.time()) * 1000),
            "pcrs": dict(self.pcrs),
            "certificate": leaf.public_bytes(DER),
            "cabundle": [root.public_bytes(DER), zonal.certificate.public_bytes(DER)],
            "public_key": public_key or spki,
            "user_data": None,
            "nonce": None,
        }
        protected = cbor2.dumps(header or {1: -35})
        payload = cbor2.dumps(change(claims))
        to_sign = cbor2.dumps(["Signature1", protected, b"", payload])
        r, s = decode_dss_signature(leaf_key.sign(to_sign, ec.ECDSA(hashes.SHA384())))
        signature = signature or r.to_bytes(48, "big") + s.to_bytes(48, "big")
        parts = [protected, unprotected or {}, after_signing(payload), signature]
        return cbor2.dumps(parts if tag is None else cbor2.CBORTag(tag, parts))

    def asking(self, **wrong) -> dict:
        """A `Recipient` for a KMS request."""
        return {
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            "AttestationDocument": self.document(**wrong),
        }

    def open(self, envelope: bytes) -> bytes:
        """What is in a `CiphertextForRecipient`."""
        # ContentInfo, EnvelopedData, and of that the recipients and the content.
        _, enveloped = tree(envelope)
        _, recipients, (_, (_, iv), content) = enveloped[0]
        ((_, _, _, encrypted_key),) = recipients
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        content_key = self.recipient.decrypt(encrypted_key, oaep)
        content = b"".join(content) if isinstance(content, list) else content
        decryptor = Cipher(algorithms.AES(content_key), modes.CBC(iv)).decryptor()
        padded = decryptor.update(content) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return unpadder.update(padded) + unpadder.finalize()


def tree(encoded: bytes):
    """One BER value (X.690): bytes if it is primitive, else the list of what is in it."""
    value, rest = _value(encoded)
    assert not rest, "bytes behind the value"
    return value


def _value(encoded: bytes):
    tag, length, rest = encoded[0], encoded[1], encoded[2:]
    children = []
    if length == 0x80:
        while rest[:2] != bytes(2):
            child, rest = _value(rest)
            children.append(child)
        return children, rest[2:]
    if length > 0x80:
        size = length & 0x7F
        length, rest = int.from_bytes(rest[:size], "big"), rest[size:]
    content, rest = rest[:length], rest[length:]
    assert len(content) == length, "cut short"
    if not tag & 0x20:
        return content, rest
    while content:
        child, content = _value(content)
        children.append(child)
    return children, rest

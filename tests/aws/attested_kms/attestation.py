"""Nitro attestation documents: COSE_Sign1 (RFC 9052) with ES384, chained to a given root.

The rules are those of AWS, "Verifying the root of trust". Python on purpose, and written apart from the
product's own verifier: a mistake common to both would have to be made twice.
"""

import io
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

MAX_DOCUMENT_BYTES = 16 * 1024
MAX_CERTIFICATES = 8
PCR_BYTES = 48
SIGNATURE_BYTES = 96
MAX_AGE = timedelta(minutes=5)
# Clocks differ a little.
MAX_AHEAD = timedelta(minutes=1)
ALG, ES384 = 1, -35


class InvalidDocument(Exception):
    """The document proves nothing; the message says why."""


@dataclass(frozen=True)
class Attested:
    """What a verified document says."""

    pcrs: dict[int, bytes]
    recipient: rsa.RSAPublicKey


def verify(document: bytes, root: x509.Certificate, now: datetime | None = None) -> Attested:
    """Checks a document against a root; raises InvalidDocument."""
    now = now or datetime.now(timezone.utc)
    try:
        return _verify(document, root, now)
    except InvalidDocument:
        raise
    except Exception as error:  # whatever a hostile document makes a parser raise
        raise InvalidDocument(f"malformed: {error!r}") from error


def _verify(document: bytes, root: x509.Certificate, now: datetime) -> Attested:
    _demand(0 < len(document) <= MAX_DOCUMENT_BYTES, "size")
    parts = _whole(document)
    _demand(isinstance(parts, list) and len(parts) == 4, "not a COSE_Sign1")
    protected, unprotected, payload, signature = parts
    _demand(_whole(protected) == {ALG: ES384}, "not signed with ES384")
    # Nobody signs the unprotected header, so nothing in it can be believed.
    _demand(unprotected == {}, "unprotected header")
    _demand(isinstance(signature, bytes) and len(signature) == SIGNATURE_BYTES, "signature")
    claims = _whole(payload)
    _demand(isinstance(claims, dict) and claims["digest"] == "SHA384", "digest")

    leaf = x509.load_der_x509_certificate(claims["certificate"])
    _check_chain(leaf, claims["cabundle"], root, now)
    r, s = (int.from_bytes(half, "big") for half in (signature[:48], signature[48:]))
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    try:
        leaf.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        raise InvalidDocument("signature") from None

    made = datetime.fromtimestamp(claims["timestamp"] / 1000, timezone.utc)
    _demand(now - MAX_AGE <= made <= now + MAX_AHEAD, "too old, or of the future")
    pcrs = claims["pcrs"]
    _demand(all(len(pcr) == PCR_BYTES for pcr in pcrs.values()), "pcrs")
    _demand({0, 1, 2} <= pcrs.keys(), "pcrs")
    recipient = serialization.load_der_public_key(claims["public_key"])
    _demand(isinstance(recipient, rsa.RSAPublicKey) and recipient.key_size >= 2048, "public key")
    return Attested(pcrs=dict(pcrs), recipient=recipient)


def _check_chain(leaf, bundle: list[bytes], root: x509.Certificate, now: datetime) -> None:
    _demand(0 < len(bundle) <= MAX_CERTIFICATES, "certificate bundle")
    _demand(bundle[0] == root.public_bytes(serialization.Encoding.DER), "another root")
    authorities = [root, *map(x509.load_der_x509_certificate, bundle[1:])]
    chain = [*authorities, leaf]
    for certificate in chain:
        valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        _demand(valid, "a certificate is expired or not valid yet")
        key = certificate.public_key()
        p384 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1)
        _demand(p384, "a certificate's key is not on P-384")
    for below, authority in enumerate(authorities):
        constraints = _extension(authority, x509.BasicConstraints)
        _demand(constraints is not None and constraints.ca, "an issuer that is no authority")
        longest = constraints.path_length
        intermediates = len(authorities) - 1 - below
        _demand(longest is None or intermediates <= longest, "a chain that is too long")
        usage = _extension(authority, x509.KeyUsage)
        _demand(usage is None or usage.key_cert_sign, "an issuer that may not issue")
    leaf_constraints = _extension(leaf, x509.BasicConstraints)
    _demand(leaf_constraints is None or not leaf_constraints.ca, "an authority as a leaf")
    for issuer, issued in zip(chain, chain[1:]):
        _demand(isinstance(issued.signature_hash_algorithm, hashes.SHA384), "not SHA-384")
        try:
            issued.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            raise InvalidDocument("a certificate that its issuer did not sign") from None


def _extension(certificate: x509.Certificate, kind):
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _whole(encoded: bytes):
    """One CBOR value and nothing behind it. Tags are refused by the shapes that follow."""
    stream = io.BytesIO(encoded)
    value = cbor2.load(stream)
    _demand(not stream.read(1), "bytes behind the value")
    return value


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise InvalidDocument(what)

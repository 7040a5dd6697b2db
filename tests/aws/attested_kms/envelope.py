"""`CiphertextForRecipient`: CMS EnvelopedData (RFC 5652) to the RSA key of an attestation document.

AWS writes BER with indefinite lengths and the content in chunks; a reader that knows DER only would
pass elsewhere and fail in production. DER is there by choice, for readers must take both.
"""

import enum
import hashlib
import os

from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# Far below AWS's, so that a reader meets several even in a data key.
CHUNK_BYTES = 16

INTEGER_2 = bytes([2, 1, 2])
NULL = bytes([5, 0])
OCTET_STRING, SEQUENCE, SET, CONTEXT_0 = 0x04, 0x30, 0x31, 0x80
CONSTRUCTED = 0x20
ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
DATA = bytes.fromhex("06092a864886f70d010701")
RSAES_OAEP = bytes.fromhex("06092a864886f70d010107")
MGF1 = bytes.fromhex("06092a864886f70d010108")
SHA_256 = bytes.fromhex("0609608648016503040201")
AES_256_CBC = bytes.fromhex("060960864801650304012a")


class Form(enum.Enum):
    """How the envelope is written."""

    AWS = "ber"
    DER = "der"


def seal(plaintext: bytes, recipient: rsa.RSAPublicKey, form: Form = Form.AWS) -> bytes:
    """RSA-OAEP-SHA256 around a fresh key, AES-256-CBC around the plaintext."""
    content_key, iv = os.urandom(32), os.urandom(16)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(content_key), modes.CBC(iv)).encryptor()
    content = encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()
    oaep = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    encrypted_key = recipient.encrypt(content_key, oaep)
    spki = recipient.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _encode(form, hashlib.sha256(spki).digest(), encrypted_key, iv, content)


def _encode(form: Form, key_id: bytes, encrypted_key: bytes, iv: bytes, content: bytes) -> bytes:
    outer = _indefinite if form is Form.AWS else _definite
    sha_256 = _definite(SEQUENCE, SHA_256 + NULL)
    mask = _definite(SEQUENCE, MGF1 + sha_256)
    parameters = _definite(SEQUENCE, _explicit(0, sha_256) + _explicit(1, mask))
    recipient = _definite(
        SEQUENCE,
        INTEGER_2
        + _definite(CONTEXT_0, key_id)
        + _definite(SEQUENCE, RSAES_OAEP + parameters)
        + _definite(OCTET_STRING, encrypted_key),
    )
    if form is Form.AWS:
        chunks = (content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES))
        sealed = _indefinite(
            CONTEXT_0 | CONSTRUCTED, b"".join(_definite(OCTET_STRING, chunk) for chunk in chunks)
        )
    else:
        sealed = _definite(CONTEXT_0, content)
    cipher = _definite(SEQUENCE, AES_256_CBC + _definite(OCTET_STRING, iv))
    enveloped = outer(
        SEQUENCE, INTEGER_2 + _definite(SET, recipient) + outer(SEQUENCE, DATA + cipher + sealed)
    )
    return outer(SEQUENCE, ENVELOPED_DATA + outer(CONTEXT_0 | CONSTRUCTED, enveloped))


def _explicit(number: int, value: bytes) -> bytes:
    return _definite(CONTEXT_0 | CONSTRUCTED | number, value)


def _definite(tag: int, value: bytes) -> bytes:
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def _indefinite(tag: int, value: bytes) -> bytes:
    return bytes([tag, 0x80]) + value + bytes(2)

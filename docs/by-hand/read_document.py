"""Takes an attestation document apart, so that openssl can check it.

    python3 read_document.py DOCUMENT FOLDER

Prints what the document says, none of which is verified by that, and writes into FOLDER: the certificates
(ca0.der, ca1.der …, leaf.der), what the leaf's key signed (signed.bin) and the signature (signature.der).
Needs nothing but Python.
"""

import base64
import sys
import time
from pathlib import Path

ES384 = -35


def item(data: bytes, at: int = 0):
    """The CBOR item at `at`, and where the next one begins. Only the shapes that documents have."""
    kind, length = data[at] >> 5, data[at] & 31
    at += 1
    if kind == 7:
        return {20: False, 21: True, 22: None}[length], at
    if length >= 24:
        size = {24: 1, 25: 2, 26: 4, 27: 8}[length]
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    if kind < 2:
        return (length if kind == 0 else -1 - length), at
    if kind < 4:
        content = data[at : at + length]
        if len(content) != length:
            sys.exit("the document is cut off")
        return (content if kind == 2 else content.decode()), at + length
    if kind > 5:
        sys.exit("a document has no tags")
    values = []
    for _ in range(length * (kind - 3)):
        value, at = item(data, at)
        values.append(value)
    if kind == 4:
        return values, at
    if len(set(values[::2])) != length:
        sys.exit("a field is there twice")
    return dict(zip(values[::2], values[1::2], strict=True)), at


def in_cbor(kind: int, content: bytes) -> bytes:
    """A byte string (2) or text (3)."""
    length, kind = len(content), kind << 5
    if length < 24:
        return bytes([kind | length]) + content
    if length < 1 << 8:
        return bytes([kind | 24, length]) + content
    return bytes([kind | 25]) + length.to_bytes(2, "big") + content


def in_der(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


def number_in_der(big_endian: bytes) -> bytes:
    digits = big_endian.lstrip(b"\0")
    return in_der(2, (b"\0" if digits[:1] >= b"\x80" else b"") + digits)


def main(document: bytes, folder: Path) -> None:
    (protected, unprotected, payload, signature), end = item(document)
    if end != len(document):
        sys.exit("bytes follow the document")
    if unprotected or item(protected) != ({1: ES384}, len(protected)):
        sys.exit("the document is not signed with ES384: worth nothing")
    said, end = item(payload)
    if end != len(payload) or len(signature) != 96:
        sys.exit("this is no attestation document")

    folder.mkdir(exist_ok=True)
    for number, certificate in enumerate(said["cabundle"]):
        (folder / f"ca{number}.der").write_bytes(certificate)
    (folder / "leaf.der").write_bytes(said["certificate"])
    # RFC 9052 section 4.4: what a signature of COSE is over.
    signed = [b"\x84", in_cbor(3, b"Signature1"), in_cbor(2, protected), in_cbor(2, b"")]
    (folder / "signed.bin").write_bytes(b"".join(signed) + in_cbor(2, payload))
    # COSE puts two numbers side by side, openssl wants them in DER.
    numbers = number_in_der(signature[:48]) + number_in_der(signature[48:])
    (folder / "signature.der").write_bytes(in_der(0x30, numbers))

    unix_s = said["timestamp"] // 1000
    print("time        ", unix_s, time.strftime("(%Y-%m-%d %H:%M:%S UTC)", time.gmtime(unix_s)))
    print("module      ", said["module_id"])
    for number in range(3):
        print(f"PCR{number}        ", said["pcrs"][number].hex())
    nonce = said.get("nonce")
    print("nonce       ", base64.urlsafe_b64encode(nonce).decode().rstrip("=") if nonce else "none")
    print("public key  ", said["public_key"].hex() if said.get("public_key") else "none")
    if said.get("user_data"):
        label, trust, statement = item(said["user_data"])[0]
        print("statement   ", label)
        print("  trust     ", trust.hex())
        print("  key       ", statement.hex())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]))

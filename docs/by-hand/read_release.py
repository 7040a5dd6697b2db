"""Takes a signed release apart, so that openssl can check its signatures.

    python3 read_release.py RELEASE FOLDER

Prints what the release says, none of which is verified by that, and writes into FOLDER what is signed
(signed.bin), and for each signature the key and the signature (0.key, 0.signature, 1.key …). Needs nothing
but Python.
"""

import json
import sys
from pathlib import Path

LABEL = b"sharekeep/release/v1\0"
# A public key of Ed25519 as openssl reads it (RFC 8410), before its 32 bytes.
ED25519_IN_DER = bytes.fromhex("302a300506032b6570032100")


def main(text: str, folder: Path) -> None:
    signed = json.loads(text)
    if json.dumps(signed, indent=2, ensure_ascii=False) + "\n" != text:
        sys.exit("the release is not written in the one form that counts")
    # By their bytes: who counts signatures must not count one signer twice, however the key is written.
    keys = [bytes.fromhex(it["key"]) for it in signed["signatures"]]
    if any(one >= following for one, following in zip(keys, keys[1:])):
        sys.exit("the signatures are not in the order of their keys, each key once")
    release = json.dumps(signed["release"], indent=2, ensure_ascii=False) + "\n"
    folder.mkdir(exist_ok=True)
    (folder / "signed.bin").write_bytes(LABEL + release.encode())
    print(release, end="")
    for number, it in enumerate(signed["signatures"]):
        (folder / f"{number}.key").write_bytes(ED25519_IN_DER + bytes.fromhex(it["key"]))
        (folder / f"{number}.signature").write_bytes(bytes.fromhex(it["signature"]))
        print("signed by", it["key"], "if openssl says so")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2]))

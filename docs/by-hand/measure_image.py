"""Computes what Nitro measures of an enclave image (EIF), and the SHA-256 of each of its sections.

    python3 measure_image.py IMAGE

Written apart from the code that makes images, so that no mistake is shared. Needs nothing but Python.
"""

import struct
import sys
from hashlib import sha256, sha384
from pathlib import Path

HEADER_BYTES = 548
KERNEL, COMMAND_LINE, RAMDISK = 1, 2, 3
NAMES = {KERNEL: "kernel", COMMAND_LINE: "command line", RAMDISK: "ramdisk", 5: "description"}


def sections(image: bytes):
    if image[:4] != b".eif":
        sys.exit("this is no enclave image")
    at = HEADER_BYTES
    while at < len(image):
        kind, _, length = struct.unpack_from(">HHQ", image, at)
        at += 12
        yield kind, image[at : at + length]
        at += length
    if at != len(image):
        sys.exit("the last section is cut off")


def register(*contents: bytes) -> str:
    """Zeros, extended once by the hash of all of it."""
    return sha384(bytes(48) + sha384(b"".join(contents)).digest()).hexdigest()


def main(image: bytes) -> None:
    found = list(sections(image))
    for kind, content in found:
        print(f"{NAMES.get(kind, 'other'):12}", sha256(content).hexdigest(), len(content))
    start = [content for kind, content in found if kind in (KERNEL, COMMAND_LINE)]
    first, *others = [content for kind, content in found if kind == RAMDISK]
    print("PCR0:", register(*start, first, *others))
    print("PCR1:", register(*start, first))
    print("PCR2:", register(*others))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).read_bytes())

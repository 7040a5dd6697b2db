"""What `docs/attestation.md` tells an auditor to type, typed."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[3]
SECTION = (ROOT / "docs/attestation.md").read_text().split("\n## By hand\n")[1].split("\n## ")[0]
DOCUMENT = ROOT / "crates/channel/fixtures/aws_attestation.cose"


def commands(heading: str) -> str:
    """The blocks of a part of the section that are meant to be run anywhere."""
    part = SECTION.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", part, re.M | re.S))


class ByHand(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in ("crates", "docs"):
            (self.folder / name).symlink_to(ROOT / name)

    def run_all(self, script: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def good(self, heading: str) -> str:
        done = self.run_all(commands(heading))
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_a_document_of_awss_is_found_good_at_its_time(self):
        said = self.good("A document")
        published = re.search(r"^    ([0-9a-f]{64})$", (ROOT / "docs/attestation.md").read_text(), re.M)
        self.assertIn(f"{published[1]}  ca0.der", said)
        self.assertIn("leaf.pem: OK", said)
        self.assertIn("Verified OK", said)
        self.assertIn("(2025-01-06 16:07:05 UTC)", said)
        self.assertRegex(said, r"PCR0 +8bb159f2[0-9a-f]{88}\n")

    def test_a_document_that_was_changed_is_found_out(self):
        for part in (b"eu-central-1", bytes.fromhex("8bb159f2")):
            with self.subTest(part):
                document = bytearray(DOCUMENT.read_bytes())
                document[document.index(part)] ^= 1
                (self.folder / "changed.cose").write_bytes(document)
                script = commands("A document").replace(str(DOCUMENT.relative_to(ROOT)), "changed.cose")
                done = self.run_all(script)
                self.assertNotEqual(done.returncode, 0)
                self.assertNotIn("Verified OK", done.stdout)

    def test_an_unsigned_document_is_not_even_taken_apart(self):
        document = DOCUMENT.read_bytes()
        self.assertEqual(document[:6], b"\x84\x44\xa1\x01\x38\x22")
        (self.folder / "unsigned.cose").write_bytes(b"\x84\x43\xa1\x01\x20" + document[6:])
        script = commands("A document").replace(str(DOCUMENT.relative_to(ROOT)), "unsigned.cose")
        done = self.run_all(script)
        self.assertIn("not signed with ES384", done.stdout)
        self.assertFalse((self.folder / "apart").exists())

    def test_an_image_measures_as_awss_own_tool_says(self):
        said = self.good("An image")
        expected = json.loads((ROOT / "crates/image/tests/fixtures/reference.pcrs.json").read_text())
        for name, value in expected.items():
            self.assertIn(f"{name}: {value}\n", said)

    def test_a_release_is_found_signed_by_each_of_its_keys_and_not_when_it_was_changed(self):
        fixture = ROOT / "crates/release/fixtures/release.json"
        signatures = len(json.loads(fixture.read_text())["signatures"])
        said = self.good("A release")
        self.assertEqual(said.count("Signature Verified Successfully"), signatures)
        changed = fixture.read_text().replace('"minimum_version": 1', '"minimum_version": 2')
        (self.folder / "changed.json").write_text(changed)
        script = commands("A release").replace(str(fixture.relative_to(ROOT)), "changed.json")
        done = self.run_all(script)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("Signature Verified Successfully", done.stdout)

    def test_a_release_that_has_one_signer_twice_or_signers_out_of_order_is_not_even_taken_apart(self):
        fixture = ROOT / "crates/release/fixtures/release.json"
        signed = json.loads(fixture.read_text())
        one, other = signed["signatures"]
        shouted = one | {"key": one["key"].upper()}
        for signatures in ([one, one], [shouted, one], [one, other, one], [other, one]):
            with self.subTest([it["key"] for it in signatures]):
                text = json.dumps(signed | {"signatures": signatures}, indent=2) + "\n"
                (self.folder / "other.json").write_text(text)
                script = commands("A release").replace(str(fixture.relative_to(ROOT)), "other.json")
                done = self.run_all(script)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("each key once", done.stdout)
                self.assertFalse((self.folder / "release").exists())


if __name__ == "__main__":
    unittest.main()

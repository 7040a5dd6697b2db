"""What a host does of its own accord, by the scripts in its template. Nothing here is a host."""

import re
import subprocess
import unittest

from operate.stacks import TEMPLATES

TEMPLATE = (TEMPLATES / "hosts.yaml").read_text()


def pattern(parameter: str) -> re.Pattern:
    """What a parameter must look like."""
    found = re.search(rf"  {parameter}:\n(?:    .*\n)*?    AllowedPattern: \"(.*)\"\n", TEMPLATE)
    return re.compile(found[1])


def user_data() -> str:
    """What the machine runs at its first start, with a word for each parameter."""
    text = TEMPLATE.split("Fn::Base64: !Sub |\n", 1)[1].split("\n\n  Hosts:\n", 1)[0]
    lines = (line.removeprefix(" " * 12) for line in text.splitlines())
    return re.sub(r"\$\{[A-Za-z:]+\}", "word", "\n".join(lines)) + "\n"


class Hosts(unittest.TestCase):
    def test_only_what_the_host_takes_as_an_identity_provider_is_let_through(self):
        issuers = pattern("IssuerHosts")
        for good in ("", "login.example:443", "a.b-c.example:1,localhost:65535", "1.example:65000"):
            self.assertTrue(issuers.fullmatch(good), good)
        for bad in (
            "login.example",
            "login.example:0",
            "login.example:65536",
            "login.example:99999",
            "192.0.2.1:443",
            "login.example.:443",
            "login.1example:443",
            "a.example:443,",
            "a.example:443,,b.example:443",
            "a.example:443b.example:443",
            ",a.example:443",
        ):
            self.assertFalse(issuers.fullmatch(bad), bad)

    def test_what_a_host_runs_at_its_start_is_a_script(self):
        checked = subprocess.run(
            ["bash", "-n"], input=user_data(), text=True, capture_output=True, check=False
        )
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_success_is_signalled_only_once_the_enclave_answered(self):
        last = user_data().rstrip().splitlines()[-1]
        self.assertRegex(last, r"^timeout 300 .*http://127\.0\.0\.1:word/health")

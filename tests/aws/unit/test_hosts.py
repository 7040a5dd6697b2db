"""What a host does of its own accord, by the scripts in its template. Nothing here is a host."""

import re
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

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
        waits, watches = user_data().rstrip().splitlines()[-2:]
        self.assertRegex(waits, r"^timeout 300 .*http://127\.0\.0\.1:word/health")
        self.assertEqual(watches, "systemctl enable --now sharekeep-watch")


class Scripts(unittest.TestCase):
    """The scripts that stay on a host, with stand-ins for what they call."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.stand_in("metadata", "echo i-1")
        self.stand_in("sleep", "")
        self.stand_in("aws", 'echo "aws $*"')

    def stand_in(self, name: str, does: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    def run_script(self, text: str, *words: str) -> list[str]:
        """What it printed, line by line."""
        text = text.replace("/opt/sharekeep", str(self.folder)).replace(
            "/opt/aws/bin/", f"{self.folder}/"
        )
        return subprocess.run(
            ["sh", "-c", text, "script", *words],
            env={"PATH": f"{self.folder}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        ).stdout.splitlines()

    def test_an_enclave_that_stays_silent_costs_the_host_its_place(self):
        # Answers once in between; then never again.
        count = f'n=$(($(cat {self.folder}/n 2>/dev/null || echo 0) + 1)); echo $n > {self.folder}/n'
        self.stand_in("ask", f"{count}; [ $n = 5 ]")
        (said,) = self.run_script(script("watch"))
        self.assertRegex(said, "^aws autoscaling set-instance-health .*--health-status Unhealthy")
        self.assertRegex(said, "--instance-id i-1$")
        self.assertEqual((self.folder / "n").read_text().strip(), "11")

    def test_a_host_whose_start_failed_gives_its_place_back(self):
        report = re.search(r"^report\(\) \{\n.*?\n\}\ntrap report EXIT\n", user_data(), re.M | re.S)[0]
        self.stand_in("cfn-signal", 'echo "signal $1 $2"')
        self.stand_in("say", script("say").partition("\n")[2])
        (self.folder / "say").write_text(
            (self.folder / "say").read_text().replace("/opt/sharekeep", str(self.folder))
        )
        for ending, hook, signal in (("false", "ABANDON", "-e 1"), ("true", "CONTINUE", "-e 0")):
            said = self.run_script(f"set -eu\n{report}{ending}\n")
            self.assertIn(f"--lifecycle-hook-name arrive --lifecycle-action-result {hook}", said[0])
            self.assertEqual(said[1:], [f"signal {signal}"])
        # A group that did not hear of it takes the machine away: no success.
        self.stand_in("say", "false")
        self.assertEqual(self.run_script(f"set -eu\n{report}true\n"), ["signal -e 1"])

    def test_only_an_enclave_that_is_well_is_found_well(self):
        for answer, well in [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
            (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
            (b"", False),
        ]:
            with socket.create_server(("127.0.0.1", 0)) as enclave:
                address = f'("127.0.0.1", {enclave.getsockname()[1]})'
                asks = script("ask").replace("AF_VSOCK", "AF_INET").replace("(16, 5000)", address)
                asked = subprocess.Popen(["python3", "-c", asks], stderr=subprocess.DEVNULL)
                connection, _ = enclave.accept()
                with connection:
                    self.assertTrue(connection.recv(512).startswith(b"GET /health HTTP/1.1\r\n"))
                    connection.sendall(answer)
                self.assertEqual(asked.wait(20) == 0, well, answer)


def script(name: str) -> str:
    """A file that the machine writes at its first start."""
    return re.search(rf"cat > {name} <<'SCRIPT'\n(.*?)SCRIPT\n", user_data(), re.S)[1]

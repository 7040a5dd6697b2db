import os
import unittest
from pathlib import Path

EMULATOR = int(os.environ["SHAREKEEP_TEST_EMULATOR"])
LISTENING = "0A"
LOOPBACK = {"0100007F", "0" * 24 + "01000000"}


def listening() -> dict[str, str]:
    """Address and port of every listening socket of this machine, by inode."""
    sockets = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTENING:
                sockets[columns[9]] = columns[1]
    return sockets


def sockets_of(process: Path) -> set[str]:
    links = (os.readlink(descriptor) for descriptor in (process / "fd").iterdir())
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def family(root: int) -> list[Path]:
    """A process and all that came of it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return [Path(f"/proc/{process}") for process in found]


class Reach(unittest.TestCase):
    def test_nothing_of_the_emulator_listens_beyond_this_machine(self):
        sockets = listening()
        addresses = []
        for process in family(EMULATOR):
            addresses += [sockets[it] for it in sockets_of(process) if it in sockets]
        # LocalStack and DynamoDB Local at least.
        self.assertGreaterEqual(len(addresses), 2)
        for address in addresses:
            host = address.partition(":")[0].removeprefix("0000000000000000FFFF0000")
            self.assertIn(host, LOOPBACK, address)

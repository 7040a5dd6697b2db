"""Runs the tests of one folder: `python run_tests.py FOLDER`. No test at all, or a skipped one, is a failure."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).parent
# The scripts for operators, which are tested here too.
sys.path.append(str(HERE.parents[1] / "infra"))


def main(folder: str) -> int:
    suite = unittest.defaultTestLoader.discover(str(HERE / folder), top_level_dir=str(HERE))
    result = unittest.TextTestRunner(buffer=True).run(suite)
    if result.testsRun == 0 or result.skipped or result.expectedFailures:
        print("tests were skipped, or there are none", file=sys.stderr)
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

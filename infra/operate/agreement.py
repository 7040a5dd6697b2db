"""How a person is shown what will happen, and agrees."""

import sys
from dataclasses import dataclass

from operate import Refused


@dataclass(frozen=True)
class Agreement:
    """Asks at the terminal; with `always`, as in a pipeline, only shows."""

    always: bool = False

    def ask(self, question: str) -> None:
        """Returns if the person agrees. Anything but "yes" is a no."""
        if self.always:
            return
        if answer(f"{question} Type yes to go on: ") != "yes":
            raise Refused("not agreed to, nothing was changed in this step")

    def confirm(self, question: str, flag: str, given: bool) -> None:
        """As `ask`, about the world and not about a change: only its own flag stands in for a person."""
        if given:
            return
        if answer(f"{question} Type yes to go on: ", flag) != "yes":
            raise Refused(f"not confirmed; once it is so, give the same command again, or {flag} too")


def answer(prompt: str, flag: str = "--yes") -> str:
    """What the person at the terminal types."""
    if not sys.stdin.isatty():
        raise Refused(f"{prompt}\nNobody can be asked here; in a pipeline, give {flag}")
    print(prompt, end="", flush=True)
    return sys.stdin.readline().strip()


def say(text: str) -> None:
    """Prints at once, also into a pipeline's log."""
    print(text, flush=True)


def table(rows: list[tuple[str, ...]]) -> str:
    """Columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(f"  {line.rstrip()}" for line in lines)

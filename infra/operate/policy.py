"""Which images the key's policy must name, from what it names now.

Pure: the state is in the parameters of the key's stack, so a roll-over that was interrupted anywhere
goes on from there.
"""

from dataclasses import dataclass

from operate import Refused

Pcrs = tuple[str, str, str]


@dataclass(frozen=True)
class Named:
    """The images that the policy names. None of them: nobody can use the key."""

    running: Pcrs | None = None
    following: Pcrs | None = None

    @classmethod
    def by(cls, parameters: dict[str, str]) -> "Named":
        """As the stack's parameters say."""

        def image(prefix: str) -> Pcrs | None:
            pcrs = tuple(parameters.get(f"{prefix}{number}", "") for number in range(3))
            return pcrs if all(pcrs) else None

        return cls(image("Pcr"), image("NextPcr"))

    def parameters(self) -> dict[str, str]:
        """As the stack takes them."""
        empty = ("", "", "")
        return {
            f"{prefix}{number}": pcr
            for prefix, image in (("Pcr", self.running), ("NextPcr", self.following))
            for number, pcr in enumerate(image or empty)
        }

    def admits(self, image: Pcrs) -> bool:
        return image in (self.running, self.following)

    def admitting(self, image: Pcrs) -> "Named":
        """So that enclaves of the image can start, beside those that run."""
        if self.admits(image):
            return self
        if self.running is None:
            return Named(image)
        if self.following is not None:
            raise Refused(
                f"a roll-over is under way to the image with PCR0 {self.following[0]}. Finish it "
                f"with that image, or go back with the one that has {self.running[0]}; a third "
                "has no place in the policy"
            )
        return Named(self.running, image)

    def alone(self, image: Pcrs) -> "Named":
        """Once no other image runs: as long as one is named, its faults count."""
        if not self.admits(image):
            raise Refused(f"the key's policy does not name the image with PCR0 {image[0]}")
        return Named(image)

"""Whether clients will know an image: they believe only those that enough release keys signed for.

The operator's own program reads releases and verifies them by the trust configuration. It fails where one
of them is not signed, or withdrawn by another.
"""

import json
import os
import subprocess

from operate import Refused
from operate.agreement import say
from operate.doctor import PROGRAM, environment
from operate.release import ROOT
from operate.settings import PCRS, Settings
from operate.tables import Generation


def published(settings: Settings, tables: Generation) -> None:
    """Refuses an image that none of the releases names which clients are handed."""
    said = _ask(settings, "list", f"--table-prefix={tables.prefix}")
    if not _names(said["releases"], settings):
        raise _unknown(settings, "no release that is published names", "sign and publish one")


def signed(settings: Settings) -> None:
    """As `published`, for those who may not read tables: by the release's file."""
    file = settings.image.release
    if file is None:
        raise _unknown(settings, "the settings name no release of", "name its file, image.release")
    if not _names([_ask(settings, "show", str(file))], settings):
        raise _unknown(settings, f"{file} does not name", "sign one that does")


def _ask(settings: Settings, *words: str) -> dict:
    words = ("--json", "release", *words, f"--trust={settings.image.trust}")
    say("$ sharekeep-operator " + " ".join(words))
    around = environment(settings, os.environ)
    answer = subprocess.run(
        [*PROGRAM, *words], cwd=ROOT, env=around, stdout=subprocess.PIPE, text=True
    )
    if answer.returncode != 0:
        raise Refused(f"releases could not be verified: {answer.stdout.strip()}")
    return json.loads(answer.stdout)


def _names(releases: list[dict], settings: Settings) -> bool:
    wanted = dict(zip(PCRS, settings.image.pcrs, strict=True))
    return any(
        (it["deployment"], it["measurements"]) == (settings.name, wanted) for it in releases
    )


def _unknown(settings: Settings, why: str, what_to_do: str) -> Refused:
    return Refused(
        f"{why} the image with PCR0 {settings.image.pcrs[0]}, and every client would refuse it: "
        f"{what_to_do} first, or give --without-release"
    )

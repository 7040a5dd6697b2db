"""The operator's own doctor, on what was just deployed."""

import os
import subprocess
from collections.abc import Mapping

from operate import Refused
from operate.agreement import say
from operate.release import ROOT
from operate.settings import Settings
from operate.tables import Generation

# They would win over a profile.
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PROGRAM = ["cargo", "run", "--release", "--locked", "--quiet", "-p", "sharekeep-operator", "--"]


def arguments(settings: Settings, tables: Generation, outputs: dict[str, str], url: str) -> list[str]:
    """What it is asked to look at; `outputs` are the storage stack's."""
    options = {
        "trust": settings.image.trust,
        "pcrs": settings.image.measurements,
        "table-prefix": tables.prefix,
        "records-bucket": outputs["RecordsBucket"],
        "audit-bucket": outputs["AuditBucket"],
        "host-role": settings.host_role,
        "break-glass-role": settings.break_glass_role,
        "audit-role": settings.audit_role,
        "key-profile": settings.keys.profile,
        "url": url,
    }
    given = [(name, value) for name, value in options.items() if value is not None]
    # Whoever froze the policy wrote it there: a stack without it would thaw it, which KMS refuses.
    frozen = settings.parameters.get("key", {}).get("FreezePolicy") == "for ever"
    flags = ["--frozen"] if frozen else []
    return ["doctor", *(f"--{name}={value}" for name, value in given), *flags]


def environment(settings: Settings, own: Mapping[str, str]) -> dict[str, str]:
    """This process's own, with the credentials of the service."""
    if settings.service.profile is None:
        return {**own, "AWS_REGION": settings.region}
    rest = {name: value for name, value in own.items() if name not in CREDENTIALS}
    return {**rest, "AWS_REGION": settings.region, "AWS_PROFILE": settings.service.profile}


def check(settings: Settings, tables: Generation, outputs: dict[str, str], url: str) -> None:
    """Runs it, with the credentials of the settings; what it finds wrong ends the deployment as failed."""
    words = arguments(settings, tables, outputs, url)
    say("$ sharekeep-operator " + " ".join(words))
    if settings.keys.profile is None:
        say("accounts.keys has no profile: the key is looked at with the credentials of the service")
    around = environment(settings, os.environ)
    if subprocess.run([*PROGRAM, *words], cwd=ROOT, env=around).returncode != 0:
        raise Refused("everything is deployed, and the doctor is not content with it")

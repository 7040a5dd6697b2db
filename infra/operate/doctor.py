"""The operator's own doctor, on what was just deployed."""

import os
import subprocess

from operate import Refused
from operate.agreement import say
from operate.release import ROOT
from operate.settings import Settings
from operate.tables import Generation

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
    return ["doctor", *(f"--{name}={value}" for name, value in given)]


def check(settings: Settings, tables: Generation, outputs: dict[str, str], url: str) -> None:
    """Runs it, with the credentials of the settings; what it finds wrong ends the deployment as failed."""
    words = arguments(settings, tables, outputs, url)
    say("$ sharekeep-operator " + " ".join(words))
    environment = {**os.environ, "AWS_REGION": settings.region}
    if settings.service.profile:
        environment["AWS_PROFILE"] = settings.service.profile
    if subprocess.run([*PROGRAM, *words], cwd=ROOT, env=environment).returncode != 0:
        raise Refused("everything is deployed, and the doctor is not content with it")

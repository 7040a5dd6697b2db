"""The settings file of one deployment."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from operate import Refused

# Short enough for tables that were restored 98 times, and not what a restore would call another's.
NAME = re.compile(r"(?!.*-r[0-9]+\Z)[a-z][a-z0-9-]{0,25}[a-z0-9]")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
ACCOUNT = re.compile(r"[0-9]{12}")
ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")
PCR = re.compile(r"(?!0{96})[0-9a-f]{96}")
PCRS = ("PCR0", "PCR1", "PCR2")
ARCHITECTURE = re.compile(r"arm64|x86_64")
ACCOUNTS = ("service", "keys")
TEMPLATES = ("key", "storage", "network", "artifacts", "hosts", "api", "edge", "watch")


@dataclass(frozen=True)
class Account:
    """Whose credentials to use, and whose they must be."""

    name: str
    id: str
    profile: str | None


@dataclass(frozen=True)
class Image:
    """An enclave image, where its measurements are written and what it is made of; without them, built."""

    # The trust configuration in it: for the build, the doctor, and whose releases count.
    trust: Path
    file: Path | None = None
    measurements: Path | None = None
    # What the image is held against before it is used.
    manifest: Path | None = None
    # Signed, for those who see the key alone and no tables.
    release: Path | None = None

    @cached_property
    def pcrs(self) -> tuple[str, str, str]:
        """PCR0 to PCR2, lower-case hexadecimal."""
        return measurements(self.measurements)


@dataclass(frozen=True)
class Edge:
    """A distribution with a firewall in front."""

    host: str
    certificate: str


@dataclass(frozen=True)
class Settings:
    name: str
    region: str
    # Of the functions, and of the hosts.
    architecture: str
    host_architecture: str
    alarm_topic: str | None
    service: Account
    keys: Account
    break_glass_role: str
    audit_role: str
    # The key, for those who cannot ask its account.
    key_arn: str | None
    image: Image | None
    edge: Edge | None
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What all names in AWS start with."""
        return f"{self.name}-"

    def stack(self, template: str) -> str:
        """The name of a template's stack."""
        return self.prefix + template

    @property
    def partition(self) -> str:
        """`aws`, or that of another partition."""
        return self.break_glass_role.split(":")[1]

    @property
    def host_role(self) -> str:
        """What infra/templates/hosts.yaml calls the hosts' role."""
        return f"arn:{self.partition}:iam::{self.service.id}:role/{self.prefix}enclave-host"


def read(path: Path) -> Settings:
    """Reads a settings file. Unknown names are refused: a misspelt one would be a default."""
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path} is not TOML: {error}") from error
    return parse(values, path.resolve().parent)


def parse(values: dict, folder: Path) -> Settings:
    top = _Table("", values)
    accounts = top.table("accounts")
    key = top.table("key")
    image = top.table("image") if "image" in values else None
    edge = top.table("edge") if "edge" in values else None
    settings = Settings(
        name=top.text("name", NAME),
        region=top.text("region", REGION),
        architecture=top.text("architecture", ARCHITECTURE, default="arm64"),
        host_architecture=top.text("host_architecture", ARCHITECTURE, default="x86_64"),
        alarm_topic=top.text("alarm_topic", default=None),
        service=_account(accounts.table("service")),
        keys=_account(accounts.table("keys")),
        break_glass_role=key.text("break_glass_role", ROLE),
        audit_role=key.text("audit_role", ROLE),
        key_arn=key.text("arn", default=None),
        image=_image(image, folder) if image else None,
        edge=_edge(edge) if edge else None,
        parameters=_parameters(top.table("parameters", {})),
    )
    for table in (accounts, key, top):
        table.all_known()
    return settings


def measurements(path: Path) -> tuple[str, str, str]:
    """PCR0 to PCR2 of a JSON object, which may name other things too."""
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise Refused(f"cannot read the measurements in {path}: {error.strerror}") from error
    except ValueError as error:
        raise Refused(f"{path} is not JSON: {error}") from error
    # nitro-cli puts them one level deeper.
    found = found.get("Measurements", found) if isinstance(found, dict) else {}
    pcrs = tuple(str(found.get(name, "")).lower() for name in PCRS)
    for name, pcr in zip(PCRS, pcrs, strict=True):
        if not PCR.fullmatch(pcr):
            raise Refused(f"{path}: {name} is missing, malformed, or all zero as in debug mode")
    return pcrs


class _Table:
    """A table of the file, which notices what nobody asked for."""

    def __init__(self, path: str, values: object):
        if not isinstance(values, dict):
            raise Refused(f"[{path}] must be a table")
        self.path, self.values, self.asked = path, values, set()

    def text(self, name: str, pattern: re.Pattern | None = None, **default) -> str | None:
        self.asked.add(name)
        if name not in self.values and "default" in default:
            return default["default"]
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            raise Refused(f"{self._of(name)} is missing or no text")
        if pattern and not pattern.fullmatch(value):
            raise Refused(f"{self._of(name)} must look like {pattern.pattern}")
        return value

    def table(self, name: str, default: dict | None = None) -> "_Table":
        self.asked.add(name)
        if name not in self.values and default is None:
            raise Refused(f"[{self._of(name)}] is missing")
        return _Table(self._of(name), self.values.get(name, default))

    def all_known(self) -> None:
        for name in self.values.keys() - self.asked:
            raise Refused(f"{self._of(name)} is no setting")

    def _of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _account(table: _Table) -> Account:
    name = table.path.removeprefix("accounts.")
    account = Account(name, table.text("id", ACCOUNT), table.text("profile", default=None))
    table.all_known()
    return account


def _image(table: _Table, folder: Path) -> Image:
    def path(name: str, **default) -> Path | None:
        text = table.text(name, **default)
        return folder / text if text else None

    given = ("file", "measurements", "manifest") if "file" in table.values else ()
    image = Image(
        path("trust"),
        **{name: path(name) for name in given},
        release=path("release", default=None),
    )
    table.all_known()
    return image


def _edge(table: _Table) -> Edge:
    edge = Edge(table.text("host"), table.text("certificate"))
    table.all_known()
    return edge


def _parameters(table: _Table) -> dict[str, dict[str, str]]:
    parameters = {}
    for template, values in table.values.items():
        if template not in TEMPLATES:
            raise Refused(f"parameters.{template}: there is no such template")
        named = _Table(f"parameters.{template}", values).values
        for name, value in named.items():
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise Refused(f"parameters.{template}.{name} must be text or a whole number")
        parameters[template] = {name: str(value) for name, value in named.items()}
    return parameters

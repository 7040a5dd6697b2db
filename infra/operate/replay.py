"""What becomes of a row when the archive is played over a restored table. Decides, and does nothing.

The archive is stricter than a table of some hours ago: it says what was committed since. So of each row
the highest version stands, whether it is the restored one or an archived one; of two with one version the
first, because every commit of the service raises it and whatever does not is no commit. A row may be removed
and made anew, which starts its versions again: the order is the stream's. A row whose time is over counts as
absent for the service, so a change of it makes it anew too. In an accident no row was made anew: a script that
removes rows and puts old ones in their place is a part of it.

Removals are played again where the service removes rows itself, or an old factor, session or backup would
come back. Where it never does they are a part of the damage, and the row comes back. What an accident
removed from the other tables comes back by naming the time of the accident.

Changes show by their predecessor that one is missing; the last ones of a row have no successor. They show in
the old table, which is still there: it has to hold what the archive ends with. Where it does not, it is
taken for one more change, so what was committed stands, and the row counts as one with a gap.
"""

from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from operate.archive import Line, fingerprint


class Removals(Enum):
    """What a removal by a function, or by somebody, means."""

    # The service never does it: wallets, keys, tenants, events, marks of used tokens.
    NEVER_MEANT = auto()
    # The service does it when a user asks: factors, devices, preparations, backups.
    MEANT = auto()
    # Also in an accident nothing is lost by it: somebody signs in again.
    ALWAYS_MEANT = auto()


def removals(table: str, sk: str) -> Removals:
    """Which of them holds for a row."""
    if table == "sessions" and sk == "session":
        return Removals.ALWAYS_MEANT
    if table in ("devices", "backups", "factors"):
        return Removals.MEANT
    return Removals.NEVER_MEANT


@dataclass(frozen=True)
class Accident:
    """A time, in seconds since 1970, in which removals are not to be believed."""

    start: int
    end: int

    def covers(self, at_unix_s: int) -> bool:
        return self.start <= at_unix_s <= self.end


@dataclass(frozen=True)
class Live:
    """A row of the old table, none if it is not there; and when that was read, in seconds since 1970."""

    image: dict | None
    at_unix_s: int


@dataclass
class Fate:
    """What a row has to be in the end."""

    # None: it has to be absent.
    image: dict | None
    # The changes do not follow on each other or on the restored row, or do not end with the old table's
    # row: some are missing.
    gap: bool = False
    # Removals that were not believed.
    undone: int = 0
    # Changes that raised no version and so are no commits.
    odd: int = 0
    # Absent because its time is over.
    expired: bool = False


@dataclass
class _Row:
    """A row on its way through its changes."""

    best: dict | None = None
    undone: int = 0
    odd: int = 0

    def put(self, image: dict, anew: bool = False) -> None:
        if self.best is None or anew or version(image) > version(self.best):
            self.best = image
        elif image != self.best:
            self.odd += 1


def fate(
    table: str,
    restored: dict | None,
    lines: list[Line],
    live: Live,
    accident: Accident | None = None,
) -> Fate:
    """Of one row: as it was restored (none if it was not there), all its changes in order, and as it is.

    The changes may begin before the time of the restored row.
    """
    row = _Row()
    place, known = _place(restored, lines)
    if place == 0 and restored is not None:
        row.put(restored)
    for at, line in enumerate(lines, start=1):
        _play(row, table, line, accident)
        if at == place and restored is not None:
            row.put(restored)
    lost = _lost(restored, lines, live, accident)
    if lost:
        _play(row, table, lost, accident)
    follows = all(later.replaced == former.sha256 for former, later in pairwise(lines))
    # Undone, but what was removed is nowhere.
    unknown = bool(row.undone and row.best is None)
    gap = bool(lost) or unknown or not (known and follows)
    # The service takes it for absent, and the new table's clock would remove it while rows are counted.
    over = expired(row.best, live.at_unix_s)
    return Fate(None if over else row.best, gap, row.undone, row.odd, over)


def _play(row: _Row, table: str, line: Line, accident: Accident | None) -> None:
    if not line.removal:
        in_accident = accident is not None and accident.covers(line.at_unix_s)
        inserted = line.change == "INSERT" and not in_accident
        row.put(line.image, inserted or expired(row.best, line.at_unix_s))
    elif _believed(table, line, accident):
        row.best = None
    else:
        row.undone += 1


def _lost(
    restored: dict | None, lines: list[Line], live: Live, accident: Accident | None
) -> Line | None:
    """What happened to the row after all that the archive knows of it, by what it is now."""
    was = lines[-1].image if lines else restored
    if live.image == was or (live.image is None and expired(was, live.at_unix_s)):
        # The table's clock goes on while the archive is read.
        return None
    at = live.at_unix_s
    if live.image is None:
        # Some time after the last change: if that can have been in the accident, it is taken to have been.
        at = max(lines[-1].at_unix_s if lines else 0, accident.start if accident else 0)
    one = live.image or was
    return Line(
        stream="",
        sequence="",
        at_unix_s=at,
        change="REMOVE" if live.image is None else "MODIFY" if was else "INSERT",
        expired=False,
        pk=one["pk"]["S"],
        sk=one["sk"]["S"],
        image=live.image,
        sha256=fingerprint(live.image) if live.image else None,
        replaced=None,
    )


def _place(restored: dict | None, lines: list[Line]) -> tuple[int, bool]:
    """After how many of the changes the row was restored, and whether that is certain."""
    if not lines:
        return 0, True
    was = None if restored is None else fingerprint(restored)
    states = [lines[0].replaced, *(line.sha256 for line in lines)]
    for place in reversed(range(len(states))):
        if states[place] == was:
            return place, True
    return 0, False


def _believed(table: str, line: Line, accident: Accident | None) -> bool:
    if line.expired:
        return True
    match removals(table, line.sk):
        case Removals.ALWAYS_MEANT:
            return True
        case Removals.MEANT:
            return accident is None or not accident.covers(line.at_unix_s)
        case Removals.NEVER_MEANT:
            return False


def expired(image: dict | None, at_unix_s: int) -> bool:
    """Whether the table's clock may remove a row, which counts as absent from then on."""
    until = expiry(image)
    return until is not None and until <= at_unix_s


def expiry(image: dict | None) -> int | None:
    """In seconds since 1970; none if a row stays."""
    try:
        return int(image["expires_at"]["N"])
    except (KeyError, TypeError, ValueError):
        return None


def version(image: dict) -> int:
    """A row's version; none counts as the lowest."""
    try:
        return int(image["version"]["N"])
    except (KeyError, TypeError, ValueError):
        return -1

"""What a check says: value, limit, status, where the limit comes from, hash of the inputs."""

import enum
import math
from dataclasses import dataclass
from datetime import date

from jaxmargin.errors import require

__all__ = ["Basis", "CheckResult", "CheckStatus", "Citation", "Comparison", "Number", "Rule"]

Number = float | int

_ROUNDING = 1e-9  # relative; a value this close to a limit is on it


class CheckStatus(enum.Enum):
    """Outcome of a check.

    Attributes:
        PASS: evaluated, and every value is within its limit.
        FAIL: evaluated, and one is not, or an input is no finite number.
        NOT_EVALUATED: an input is missing; the reason names it.
    """

    PASS = "pass"
    FAIL = "fail"
    NOT_EVALUATED = "not-evaluated"


class Basis(enum.Enum):
    """How well a limit is known.

    Attributes:
        READ: in the source named.
        RECALLED: from memory; to be verified before it is quoted.
        ASSUMED: chosen here, where the framework gives no figure.
    """

    READ = "read"
    RECALLED = "recalled"
    ASSUMED = "assumed"


class Rule(enum.Enum):
    """Where a value must lie to be within its limit; a limit itself is outside the last two."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True)
class Citation:
    """Where a limit comes from.

    Attributes:
        framework: its name.
        article: article, paragraph or rule.
        source: text in which it was found.
        date: of that text.
        basis: whether it was read there.
    """

    framework: str
    article: str
    source: str
    date: date
    basis: Basis

    def __str__(self) -> str:
        """In one line, with what was not read marked."""
        mark = "" if self.basis is Basis.READ else f" [{self.basis.value}]"
        return f"{self.framework}, {self.article} ({self.source}, {self.date.isoformat()}){mark}"


@dataclass(frozen=True)
class Comparison:
    """One value beside its limit.

    Attributes:
        name: of the value, with its unit if it has one.
        value: what was found; infinite where there is no bound to it.
        limit: what it is compared with.
        rule: on which side it must lie.
    """

    name: str
    value: Number
    limit: Number
    rule: Rule

    def holds(self) -> bool:
        """Whether the value is within the limit; never for what is not a number.

        Up to a relative rounding of 1e-9 for a limit that may itself be reached.
        """
        if math.isnan(self.value) or math.isnan(self.limit):
            return False
        room = _ROUNDING * abs(self.limit) if math.isfinite(self.limit) else 0.0
        return {
            Rule.AT_LEAST: self.value >= self.limit - room,
            Rule.AT_MOST: self.value <= self.limit + room,
            Rule.ABOVE: self.value > self.limit,
            Rule.BELOW: self.value < self.limit,
        }[self.rule]


@dataclass(frozen=True)
class CheckResult:
    """A check, evaluated or not.

    It says what was compared with what. Whether a framework is met is for others to say.

    Attributes:
        id: R01 to R21.
        title: what is checked.
        value: that of the first comparison outside its limit, else of the first; None where
            there is none.
        limit: beside it.
        status: see `CheckStatus`.
        reason: what decided, or what is missing; never empty unless the check passed.
        citation: where the limit comes from.
        inputs_hash: SHA-256, hexadecimal, of everything that went in, limits included.
        comparisons: all of them.
        missing: names of the inputs that were not given.
    """

    id: str
    title: str
    value: float | None
    limit: float | None
    status: CheckStatus
    reason: str
    citation: Citation
    inputs_hash: str
    comparisons: tuple[Comparison, ...] = ()
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `InvalidInputError` for a pass without a comparison, or none without a reason."""
        passed = self.status is CheckStatus.PASS
        require(
            bool(self.comparisons and all(c.holds() for c in self.comparisons))
            if passed
            else bool(self.reason),
            f"CheckResult {self.id}: a check passes if it compares and all holds; else it has a "
            f"reason. Got {self.status.value} with {len(self.comparisons)} comparisons.",
        )

"""Run the cases of an oracle file through the rulebook that it names."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import nearest, read_oracle
from jaxmargin.jobs._comparison import Comparison

__all__ = ["ConformResult", "run_conform"]


@dataclass(frozen=True)
class ConformResult:
    """How far a rulebook agrees with an oracle file.

    Attributes:
        rulebook: name of the rulebook.
        cases: number of cases that were run.
        passed: number of them of which every number is within its tolerance.
        skipped: number of cases that the file itself calls invalid; they were not run.
        worst_error: largest difference as a share of max(1, |expected|).
        worst: where it is: id of the case and quantity.
        failing: ids of the cases that do not pass, in the order of the file.
        quantities: one row per quantity: quantity, numbers compared, number that fails,
            worst_error.
        notice: what users of the rulebook must know; "" for nothing. Whoever prints must print it.
    """

    rulebook: str
    cases: int
    passed: int
    skipped: int
    worst_error: float
    worst: tuple[str, str]
    failing: tuple[str, ...]
    quantities: pd.DataFrame
    notice: str


def run_conform(path: Path) -> ConformResult:
    """Compute every valid case of an oracle file and compare with what the file expects.

    Args:
        path: a file of schema jaxmargin-oracle/1.

    Raises:
        InvalidInputError: if the file cannot be read or is of a rulebook that is not known, a
            case lacks what its rule needs, or nothing says how exact the numbers are.
    """
    oracle = read_oracle(path)
    import jax

    from jaxmargin.jobs._conform_rules import CONFORM_NOTICES, CONFORM_RULES

    if oracle.rulebook not in CONFORM_RULES:
        raise InvalidInputError(
            f"{path.name}, rulebook: {oracle.rulebook!r} is not known"
            f"{nearest(oracle.rulebook, CONFORM_RULES)}. The rulebooks are "
            f"{', '.join(sorted(CONFORM_RULES))}."
        )
    ids = [case["id"] for case in oracle.document["cases"]]
    require(bool(ids), f"{path.name}, cases: all are invalid. Give at least one that is valid.")
    with jax.enable_x64(True):  # published figures have more digits than single precision
        comparisons = CONFORM_RULES[oracle.rulebook](oracle.document)
    compared = {comparison.case for comparison in comparisons}
    for name in ids:
        require(
            name in compared,
            f"{path.name}, {name}: nothing of what is expected can be compared. Give a number "
            "that the rulebook computes.",
        )
    if oracle.absolute is None and oracle.relative is None:
        require(
            all(comparison.tolerance is not None for comparison in comparisons),
            f"{path.name}, tolerance: no number. Give absolute or relative.",
        )
    passes = [comparison.passes(oracle.absolute, oracle.relative) for comparison in comparisons]
    failed = {one.case for one, good in zip(comparisons, passes, strict=True) if not good}
    worst = max(comparisons, key=lambda comparison: comparison.error)
    return ConformResult(
        rulebook=oracle.rulebook,
        cases=len(ids),
        passed=len(ids) - len(failed),
        skipped=oracle.skipped,
        worst_error=worst.error,
        worst=(worst.case, worst.quantity),
        failing=tuple(name for name in ids if name in failed),
        quantities=_quantities(comparisons, passes),
        notice=CONFORM_NOTICES.get(oracle.rulebook, ""),
    )


def _quantities(comparisons: list[Comparison], passes: list[bool]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "quantity": [comparison.quantity for comparison in comparisons],
            "failed": [not good for good in passes],
            "error": [comparison.error for comparison in comparisons],
        }
    )
    grouped = table.groupby("quantity", sort=False)
    return grouped.agg(
        numbers=("error", "size"), failed=("failed", "sum"), worst_error=("error", "max")
    ).reset_index()

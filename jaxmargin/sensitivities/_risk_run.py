"""What analyses of a run need that is margined by a risk measure."""

from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxmargin.book import pad_accounts
from jaxmargin.errors import InvalidInputError
from jaxmargin.margin import MarginRun, RiskMeasureRulebook
from jaxmargin.valuation import Progress, memory_errors, stream_accounts

__all__ = ["over_accounts", "risk_rulebook"]

_Statistic = TypeVar("_Statistic", bound=PyTree)


def risk_rulebook(run: MarginRun, verb: str) -> RiskMeasureRulebook:
    """The rulebook of `run`.

    Raises:
        InvalidInputError: it is of another kind; `verb` says what needs this one.
    """
    if isinstance(run.rulebook, RiskMeasureRulebook):
        return run.rulebook
    raise InvalidInputError(
        f"{verb} needs a margin that is a risk measure over scenarios; got that of "
        f"{type(run.rulebook).__name__}. Run with RiskMeasureRulebook."
    )


def over_accounts(
    statistic: Callable[[Float[Array, "chunk scenario"]], _Statistic],
    run: MarginRun,
    progress: Progress | None,
) -> _Statistic:
    """`stream_accounts` on a padded number of accounts, so that one more compiles nothing.

    Raises:
        MemoryError: see `stream_accounts`.
    """
    positions = run.book.positions
    with memory_errors():
        result = stream_accounts(statistic, run.pnl, pad_accounts(positions), progress=progress)
    return jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf)[: positions.accounts]), result)

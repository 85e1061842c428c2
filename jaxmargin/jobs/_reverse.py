"""Reverse stress of one account of a job."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import build_book, build_history, nearest
from jaxmargin.jobs._load import load_inputs, market_of

__all__ = ["ReverseResult", "run_reverse"]


@dataclass(frozen=True)
class ReverseResult:
    """What a reverse stress of one account found.

    Attributes:
        loss: of the account in the scenario, in the numeraire.
        radius: Mahalanobis distance of the scenario from no move, in standard deviations.
        plausibility: probability of a normal move that goes as far or farther.
        status: how the search ended, in words.
        moves: one row per risk factor: factor, move (log change, or change of the rate), in
            standard deviations of the factor, and share of the squared radius.
        currency: the numeraire.
        covariance: which covariance measures plausibility.
    """

    loss: float
    radius: float
    plausibility: float
    status: str
    moves: pd.DataFrame
    currency: str
    covariance: str


def run_reverse(
    path: Path, account: str, *, radius: float | None, loss: float | None
) -> ReverseResult:
    """The worst scenario within a radius, or the most plausible one that loses an amount.

    Plausibility is measured by the covariance that the job's scenarios use, or the sample
    covariance of their history, over the horizon of its rulebook.

    Args:
        path: job file; its scenarios need a history.
        account: name of the account.
        radius: standard deviations within which to search; or None.
        loss: amount to lose, in the numeraire; or None. Exactly one of both is given.

    Raises:
        InvalidInputError: with every problem of the inputs.
    """
    require(
        (radius is None) != (loss is None),
        "Give either --radius, to find the worst loss within it, or --loss, to find the most "
        "plausible scenario that loses it.",
    )
    inputs = load_inputs(path, safeguards=True)
    accounts = list(inputs.book.accounts)
    require(
        account in accounts,
        f"--account: no account {account!r}{nearest(account, accounts)} among {len(accounts):,}.",
    )
    import jax

    from jaxmargin.jobs._monte_carlo import estimate_covariance
    from jaxmargin.scenarios import sample_covariance
    from jaxmargin.sensitivities import StressStatus, most_plausible_loss, worst_loss

    kind = inputs.job.scenarios["kind"]
    if inputs.history is None:
        raise InvalidInputError(
            f"[scenarios] kind {kind!r} has no history, so no covariance says what is plausible. "
            "Use a kind with a history, such as 'historical' or 'gaussian'."
        )
    market, book = market_of(inputs), build_book(inputs.book, inputs.market)
    settings, horizon = inputs.job.scenarios, inputs.job.rulebook["horizon_days"]
    past, names = build_history(inputs.history, inputs.market, market, horizon_days=horizon)
    if "covariance" in settings:
        covariance, _ = estimate_covariance(
            settings, past, names, inputs.history, inputs.correlations
        )
    else:
        covariance = sample_covariance(past.moves)
    root = covariance.root() * horizon**0.5
    shared = {
        "account": accounts.index(account),
        "time": horizon / 365.0,
        "key": jax.random.key(settings["seed"]),
    }
    factors = past.factors
    if radius is not None:
        found = worst_loss(book, market, factors, root, radius=radius, **shared)
    else:
        assert loss is not None
        found = most_plausible_loss(book, market, factors, root, amount=loss, **shared)
    status = StressStatus(int(found.status))
    require(
        status is not StressStatus.INVALID,
        f"The loss of {account!r} is not a finite number within the radius. Give a smaller one.",
    )
    moves = np.asarray(found.moves, np.float64)
    deviation = np.asarray(covariance.volatility, np.float64) * horizon**0.5
    return ReverseResult(
        loss=float(found.loss),
        radius=float(found.radius),
        plausibility=float(found.plausibility),
        status=status.name.lower().replace("_", " "),
        moves=pd.DataFrame(
            {
                "factor": names,
                "move": moves,
                "deviations": moves / deviation,
                "share": np.asarray(found.contribution, np.float64),
            }
        ),
        currency=inputs.job.settings["numeraire"],
        covariance=settings.get("covariance", "sample"),
    )

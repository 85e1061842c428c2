"""Margin as expected shortfall of the account's P&L over a horizon."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Key

from jaxmargin.book import Book
from jaxmargin.errors import InvalidInputError, require
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._rulebook import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.risk import ExpectedShortfall, estimate_risk
from jaxmargin.scenarios import AbstractScenarioSource, pad_scenarios
from jaxmargin.valuation import Progress, contract_pnl

__all__ = ["ExpectedShortfallRulebook"]


class ExpectedShortfallRulebook(AbstractRulebook):
    """Initial margin is the expected shortfall over the scenarios, and never negative.

    Components: `expected_shortfall`, negative for an account that gains on average in its worst
    scenarios, and `floor`, what then lifts the margin to zero. Maintenance margin is a share of
    initial margin.

    Attributes:
        source: scenarios; its horizon is the margin's.
        key: random key of `source`.
        level: confidence level, in (0, 1); 0.99 is the mean of the worst 1 %.
        maintenance_ratio: maintenance margin as a share of initial margin, in (0, 1].
    """

    source: AbstractScenarioSource
    key: Key[Array, ""]
    level: float = eqx.field(static=True, default=0.99)
    maintenance_ratio: float = eqx.field(static=True, default=0.8)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require(
            0.0 < self.maintenance_ratio <= 1.0,
            "ExpectedShortfallRulebook.maintenance_ratio must lie in (0, 1]; got "
            f"{self.maintenance_ratio!r}. Write 80 % as 0.8.",
        )
        ExpectedShortfall(self.level)

    def requirement(
        self, book: Book, market: Market, *, progress: Progress | None = None
    ) -> Requirement:
        """See `AbstractRulebook.requirement`."""
        shocks = pad_scenarios(self.source.shocks(market, self.key))
        pnl = contract_pnl(book, market, shocks)
        _require_finite(pnl, shocks.weight)
        risk = estimate_risk(
            (ExpectedShortfall(self.level),),
            pnl,
            book.positions,
            shocks.weight,
            overlap=shocks.overlap,
            progress=progress,
        )
        shortfall = risk.value[:, 0]
        initial = jnp.maximum(shortfall, 0.0)
        return Requirement(
            initial=initial,
            maintenance=self.maintenance_ratio * initial,
            components={"expected_shortfall": shortfall, "floor": initial - shortfall},
            standard_error=risk.standard_error[:, 0],
            tail_count=risk.tail_count[:, 0],
            worst_scenario=risk.worst_scenario,
            execution=risk.execution,
        )


def _require_finite(
    pnl: Float[Array, "instrument scenario"], weight: Float[Array, " scenario"]
) -> None:
    """A NaN would sort to one end and be ignored, so it is refused before any margin is taken."""
    if isinstance(pnl, Tracer) or isinstance(weight, Tracer):
        return
    if not (np.isfinite(weight).all() and np.asarray(weight).sum() > 0.0):
        raise InvalidInputError(
            "The weights of the scenarios are not finite, or all zero. Check their source."
        )
    finite = np.asarray(_finite_rows(pnl))
    if not finite.all():
        rows = np.flatnonzero(~finite)
        raise InvalidInputError(
            f"The P&L of {rows.size} of {finite.size} contracts is not finite in some scenario, "
            f"the first in row {rows[0]} of the book. Check its market data and the shocks."
        )


@jax.jit
def _finite_rows(pnl: Float[Array, "instrument scenario"]) -> Bool[Array, " instrument"]:
    return jnp.all(jnp.isfinite(pnl), axis=-1)

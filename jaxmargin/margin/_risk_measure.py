"""Margin as a risk measure of the account's P&L over a horizon."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.book import Book
from jaxmargin.errors import require
from jaxmargin.margin._names import component_name
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._rulebook import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.risk import AbstractRiskMeasure, estimate_risk
from jaxmargin.scenarios import AbstractScenarioSource, Shocks, pad_scenarios
from jaxmargin.valuation import Progress

__all__ = ["RiskMeasureRulebook"]


class RiskMeasureRulebook(AbstractRulebook):
    """Initial margin is a risk measure over the scenarios, and never negative.

    Components: the measure under its name, such as `expected_shortfall`, negative for an account
    that gains even in its worst scenarios, and `floor`, what then lifts the margin to zero.
    Maintenance margin is a share of initial margin.

    Attributes:
        source: scenarios; its horizon is the margin's.
        key: random key of `source`.
        measure: what the margin is, such as `ExpectedShortfall(0.99)`.
        maintenance_ratio: maintenance margin as a share of initial margin, in (0, 1].
    """

    source: AbstractScenarioSource
    key: Key[Array, ""]
    measure: AbstractRiskMeasure
    maintenance_ratio: float = eqx.field(static=True, default=0.8)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require(
            0.0 < self.maintenance_ratio <= 1.0,
            "RiskMeasureRulebook.maintenance_ratio must lie in (0, 1]; got "
            f"{self.maintenance_ratio!r}. Write 80 % as 0.8.",
        )

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`."""
        return pad_scenarios(self.source.shocks(market, self.key))

    def charge(
        self,
        pnl: Float[Array, "instrument scenario"],
        book: Book,
        market: Market,
        shocks: Shocks,
        *,
        progress: Progress | None = None,
    ) -> Requirement:
        """See `AbstractRulebook.charge`."""
        del market
        risk = estimate_risk(
            (self.measure,),
            pnl,
            book.positions,
            shocks.weight,
            overlap=shocks.overlap,
            progress=progress,
        )
        value = risk.value[:, 0]
        initial = jnp.maximum(value, 0.0)
        return Requirement(
            initial=initial,
            maintenance=self.maintenance_ratio * initial,
            components={component_name(type(self.measure)): value, "floor": initial - value},
            standard_error=risk.standard_error[:, 0],
            tail_count=risk.tail_count[:, 0],
            worst_scenario=risk.worst_scenario,
            execution=risk.execution,
        )

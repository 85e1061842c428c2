"""What a rulebook returns."""

import equinox as eqx
from jaxtyping import Array, Float, Int

from jaxmargin.valuation import Execution

__all__ = ["Requirement"]


class Requirement(eqx.Module):
    """Margin of every account, in the numeraire, loss positive.

    Attributes:
        initial: margin to open positions; not negative.
        maintenance: margin below which positions are closed; not negative.
        components: named parts of `initial`, which they add up to.
        standard_error: of `initial`, from the number of scenarios; NaN where the rulebook does
            not estimate from a sample.
        tail_count: effective number of scenarios that decide the margin. Below 30 the standard
            error itself is a rough guess, below 1 the margin is the worst scenario.
        worst_scenario: the scenario with the largest loss.
        execution: how the run over the accounts was carried out.
    """

    initial: Float[Array, " account"]
    maintenance: Float[Array, " account"]
    components: dict[str, Float[Array, " account"]]
    standard_error: Float[Array, " account"]
    tail_count: Float[Array, " account"]
    worst_scenario: Int[Array, " account"]
    execution: Execution

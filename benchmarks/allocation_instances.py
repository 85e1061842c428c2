"""Seeded allocation problems of the benchmarks.

Lognormal inventory in 6 classes; each pair of asset and venue is eligible with 60 %; classes are
capped at 40 % and single names at 20 % of each call; all calls together are 35 % of what the
inventory is worth after the mean haircut. Amounts in dollars, cost per dollar and year.
"""

import numpy as np

from jaxmargin.optimize import AllocationProblem, Limit, build_problem

SIZES = {"S": (10, 5), "M": (100, 20), "L": (1_000, 50), "XL": (3_000, 100)}  # assets, venues


def allocation_instance(size: str, *, seed: int = 0, lots: bool = False) -> AllocationProblem:
    """The problem of a size of `SIZES`; with `lots` of 1,000 to 100,000 dollars."""
    assets, venues = SIZES[size]
    random = np.random.default_rng(seed)
    available = random.lognormal(np.log(3e6), 1.0, assets)
    kind = random.integers(0, 6, assets)
    eligible = random.random((assets, venues)) < 0.6
    haircut = random.uniform(0.0, 0.3, (assets, venues))
    cost = random.uniform(0.001, 0.05, (assets, venues))
    calls = 0.35 * np.sum(available * (1.0 - haircut.mean(axis=1)))
    share = random.dirichlet(np.full(venues, 5.0))
    lot = 10.0 ** random.uniform(3.0, 5.0, assets)
    return build_problem(
        available,
        calls * share,
        haircut,
        cost,
        eligible,
        limits=(Limit("class", kind, 0.4), Limit("single name", np.arange(assets), 0.2)),
        lot_value=lot if lots else 0.0,
    )

"""Small allocation problems for tests."""

import numpy as np

from jaxmargin.optimize import TailRule, build_problem
from jaxmargin.risk import ExpectedShortfall

ASSETS, VENUES, SCENARIOS, LEVEL = 6, 3, 240, 0.95
TAIL = 12  # scenarios, of equal weight
CLASSES = np.arange(ASSETS) % 3


def two_by_two(**changes):
    """Cash (worth 1, cost 4 %) and coin (worth 0.8 or 0.5, cost 1 %), two venues."""
    settings = {
        "available": np.array([100.0, 200.0]),
        "requirement": np.array([80.0, 50.0]),
        "haircut": np.array([[0.0, 0.0], [0.2, 0.5]]),
        "cost": np.array([[0.04, 0.04], [0.01, 0.01]]),
        "eligible": np.ones((2, 2), bool),
    }
    return build_problem(**(settings | changes))


def small(seed=5, dependence=0.0, requirement=0.3, tightness=0.3, limits=()):
    """A problem, the losses of its venues, growth and liquidation cost.

    `dependence` is the correlation of collateral with the losses of the venues on average.
    """
    random = np.random.default_rng(seed)
    losses = random.normal(size=(VENUES, SCENARIOS)) + 0.5 * random.normal(size=SCENARIOS)
    common = losses.mean(axis=0) / losses.mean(axis=0).std()
    own = random.normal(size=(ASSETS, SCENARIOS))
    moves = np.sqrt(1.0 - dependence**2) * own - dependence * common
    volatility = np.array([0.0, 0.001, 0.04, 0.06, 0.09, 0.12])
    growth = np.exp(volatility[:, None] * moves)
    available = random.lognormal(3.0, 0.5, ASSETS)
    size = tightness * available.sum() / VENUES
    losses *= size / np.sort(losses)[:, -TAIL:].mean(axis=1)[:, None]
    cost = random.uniform(0.01, 0.02, (ASSETS, VENUES)) / (0.5 + 10.0 * volatility)[:, None]
    problem = build_problem(
        available,
        np.full(VENUES, requirement * size),
        random.uniform(0.0, 0.2, (ASSETS, VENUES)),
        cost,
        random.random((ASSETS, VENUES)) < 0.9,
        limits=limits,
    )
    return problem, losses, growth, random.uniform(0.0, 0.01, problem.asset.size)


def rule(losses, growth, measure=None, **settings):
    """A rule with equal weights."""
    weight = np.ones(losses.shape[1])
    return TailRule(losses, growth, weight, measure or ExpectedShortfall(LEVEL), **settings)

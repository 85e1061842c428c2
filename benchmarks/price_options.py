"""How fast are 2,000 options priced in 2,000 scenarios, against NumPy with scipy?

Both get the same shocks and return the P&L of every contract in every scenario; the answer is
checked before anything is timed. Run: python benchmarks/price_options.py
"""

import jax
import jax.numpy as jnp
import numpy as np
from harness import time_in_turn, write_result
from scipy.special import ndtr

from jaxmargin.book import Book, build_positions
from jaxmargin.instruments import InverseOptions
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import contract_pnl
from jaxmargin.valuation._options import _hoist, _nodes, _prepare, _price

OPTIONS, SCENARIOS, PILLARS = 2_000, 2_000, 24
SPOT = 60_000.0


def inputs():
    random = np.random.default_rng(7)
    years = np.linspace(0.02, 0.9, PILLARS)
    forward = SPOT * np.exp(0.04 * years)
    strikes = forward[:, None] * np.linspace(0.5, 1.8, 40)
    volatility = 0.5 + 0.3 * np.log(strikes / forward[:, None]) ** 2
    pillar = np.sort(random.integers(0, PILLARS, OPTIONS)).astype(np.int32)
    node = random.integers(0, 40, OPTIONS)
    terms = {
        "pillar": pillar,
        "strike": strikes[pillar, node],
        "sign": random.choice([-1.0, 1.0], OPTIONS),
        "volatility": volatility[pillar, node],
    }
    shocks = {
        "spot": random.normal(0.0, 0.05, (1, SCENARIOS)),
        "volatility": random.normal(0.0, 0.1, (PILLARS, SCENARIOS)),
    }
    return years, forward, strikes, volatility, terms, shocks


def with_numpy(years, forward, terms, shocks, days):
    """Prices of inverse options in coin, today and shocked, and the P&L in USD."""
    pillar, sign = terms["pillar"], terms["sign"][:, None]
    left = years[pillar, None] - days / 365
    carry = np.log(forward / SPOT) * (days / 365) / years

    def coin(forward, total):
        d1 = np.log(forward / terms["strike"][:, None]) / total + total / 2
        ratio = terms["strike"][:, None] / forward
        return sign * (ndtr(sign * d1) - ratio * ndtr(sign * (d1 - total)))

    today = coin(forward[pillar, None], (terms["volatility"] * np.sqrt(years[pillar]))[:, None])
    shocked = forward[pillar, None] * np.exp(shocks["spot"] - carry[pillar, None])
    factor = np.exp(shocks["volatility"])[pillar]
    total = terms["volatility"][:, None] * factor * np.sqrt(left)
    return (coin(shocked, total) - today) * SPOT * np.exp(shocks["spot"])


def with_jaxmargin(chain, shocks, days, dtype):
    """The same as a call without arguments, and its kernel alone, all arrays in `dtype`."""
    years, forward, strikes, volatility, terms = chain
    array = jnp.asarray
    market = Market(
        spot=array([SPOT]),
        perpetual=array([SPOT]),
        asset=jnp.zeros(PILLARS, jnp.int32),
        time=array(years),
        forward=array(forward),
        rate=jnp.zeros(PILLARS),
        surface=QuotedVolatilities(array(strikes), array(volatility), jnp.ones(PILLARS)),
    )
    batch = InverseOptions(
        pillar=array(terms["pillar"]),
        strike=array(terms["strike"]),
        sign=array(terms["sign"]),
        settlement=jnp.zeros(OPTIONS, jnp.int32),
        multiplier=jnp.ones(OPTIONS),
    )
    still = jnp.zeros((PILLARS, SCENARIOS))
    moves = Shocks(
        spot=array(shocks["spot"]),
        perpetual=jnp.zeros((1, SCENARIOS)),
        funding=jnp.zeros((1, SCENARIOS)),
        basis=still,
        volatility=array(shocks["volatility"]),
        rate=still,
        time=jnp.full(SCENARIOS, days / 365),
        weight=jnp.ones(SCENARIOS),
        overlap=jnp.ones(()),
    )
    batch, market, moves = jax.tree.map(
        lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x,
        (batch, market, moves),
    )
    nobody = np.zeros(0, np.int64)
    book = Book((batch,), build_positions(nobody, nobody, np.zeros(0), accounts=0))
    pillar, settlement, node = _nodes(batch)
    contracts = _prepare(batch, market, node)
    shared = _hoist(market, moves, pillar, settlement, inverse=True)
    return lambda: contract_pnl(book, market, moves), lambda: _price(contracts, shared)


def main():
    jax.config.update("jax_enable_x64", True)
    *chain, shocks = inputs()
    years, forward, _, _, terms = chain
    candidates = {
        "numpy_scipy_f64": lambda: with_numpy(years, forward, terms, shocks, days=1),
    }
    for suffix, dtype in (("f64", jnp.float64), ("f32", jnp.float32)):
        whole, kernel = with_jaxmargin(chain, shocks, 1, dtype)
        candidates |= {f"jaxmargin_{suffix}": whole, f"jaxmargin_kernel_{suffix}": kernel}
    expected, errors = candidates["numpy_scipy_f64"](), {}
    for name, call in candidates.items():
        pnl = call()
        assert name.endswith("f64") == (pnl.dtype == jnp.float64)
        errors[name] = float(np.abs(np.asarray(pnl) - expected).max() / SPOT)
        assert errors[name] < (1e-14 if name.endswith("f64") else 1e-6), errors
    seconds = time_in_turn(candidates, rounds=15)
    prices = OPTIONS * SCENARIOS
    reference = seconds["numpy_scipy_f64"]["median"]
    write_result(
        "price_options",
        {
            "question": "P&L of options x scenarios, preparing included; kernel: without",
            "options": OPTIONS,
            "scenarios": SCENARIOS,
            "largest_error_over_spot": errors,
            "seconds": seconds,
            "million_prices_per_second": {
                n: prices / s["median"] / 1e6 for n, s in seconds.items()
            },
            "times_numpy": {name: reference / s["median"] for name, s in seconds.items()},
        },
    )


if __name__ == "__main__":
    main()

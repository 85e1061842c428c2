"""What do seven greeks of 2,000 options in 1,000 scenarios cost, by autodiff and by hand?

jaxmargin differentiates the value of its instruments; the peers know Black's formula and compute
delta, gamma, vega, theta, rho, vanna and volga from closed forms: NumPy with scipy, numba where it
is installed, and four of them by QuantLib's calculator, one option at a time on a subset. Answers
are checked first.
Run: python benchmarks/greeks.py
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from harness import ratios, time_in_turn, write_result
from scipy.special import ndtr

from jaxmargin.instruments import LinearOptions
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.sensitivities import instrument_greeks

OPTIONS, SCENARIOS, PILLARS, SUBSET = 2_000, 1_000, 24, 20_000
NAMES = ("delta", "gamma", "vega", "theta", "rho", "vanna", "volga")
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


def inputs():
    random = np.random.default_rng(3)
    years = np.linspace(0.05, 0.9, PILLARS)
    forward = 60_000.0 * np.exp(0.04 * years)
    strikes = forward[:, None] * np.linspace(0.6, 1.6, 40)
    quotes = 0.5 + 0.3 * np.log(strikes / forward[:, None]) ** 2
    pillar = np.sort(random.integers(0, PILLARS, OPTIONS))
    node = random.integers(0, 40, OPTIONS)
    sign = random.choice([-1.0, 1.0], OPTIONS)
    moved = forward[:, None] * np.exp(random.normal(0.0, 0.05, (1, SCENARIOS)))
    return years, forward, strikes, quotes, pillar, node, sign, moved


def by_hand(sign, forward, strike, sigma, years):
    """Closed forms at rate zero, in the units of `Greeks`; arrays."""
    root = np.sqrt(years)
    d1 = np.log(forward / strike) / (sigma * root) + sigma * root / 2.0
    d2 = d1 - sigma * root
    density = np.exp(-d1 * d1 / 2.0) / ROOT_TWO_PI
    vega = forward * density * root
    one_day = -forward * density * sigma / (2.0 * root) / 365.0
    value = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * d2))
    lifetime = np.maximum(sign * (forward - strike), 0.0) - value
    theta = np.where(np.abs(one_day) < np.abs(lifetime), one_day, lifetime)
    return (
        sign * ndtr(sign * d1), density / (forward * sigma * root), vega / 100.0, theta,
        sign * strike * years * ndtr(sign * d2) / 100.0, -density * d2 / sigma / 100.0,
        vega * d1 * d2 / sigma / 1e4,
    )  # fmt: skip


def with_numba(sign, forward, strike, sigma, years):
    """The same in a compiled loop over options, in parallel; None without numba."""
    try:
        import numba
    except ImportError:
        return None

    @numba.njit(parallel=True, fastmath=True)
    def loop(sign, forward, strike, sigma, years, out):
        for i in numba.prange(sign.shape[0]):
            root, k, s = math.sqrt(years[i]), strike[i], sigma[i]
            for j in range(forward.shape[1]):
                f = forward[i, j]
                d1 = math.log(f / k) / (s * root) + s * root / 2.0
                d2 = d1 - s * root
                density = math.exp(-d1 * d1 / 2.0) / ROOT_TWO_PI
                n1 = 0.5 * math.erfc(-sign[i] * d1 / math.sqrt(2.0))
                n2 = 0.5 * math.erfc(-sign[i] * d2 / math.sqrt(2.0))
                vega, value = f * density * root, sign[i] * (f * n1 - k * n2)
                one_day = -f * density * s / (2.0 * root) / 365.0
                lifetime = max(sign[i] * (f - k), 0.0) - value
                out[0, i, j], out[1, i, j] = sign[i] * n1, density / (f * s * root)
                out[2, i, j] = vega / 100.0
                out[3, i, j] = one_day if abs(one_day) < abs(lifetime) else lifetime
                out[4, i, j] = sign[i] * k * years[i] * n2 / 100.0
                out[5, i, j] = -density * d2 / s / 100.0
                out[6, i, j] = vega * d1 * d2 / s / 1e4
        return out

    def call():
        out = np.empty((7, OPTIONS, SCENARIOS))
        return loop(sign, forward, strike, sigma, years, out)

    return call


def with_quantlib(sign, forward, strike, sigma, years):
    """Delta, gamma, vega and rho of a subset, one option at a time; None without it."""
    try:
        import QuantLib as ql
    except ImportError:
        return None
    rows = [divmod(n, SCENARIOS) for n in range(SUBSET)]
    terms = [
        (ql.PlainVanillaPayoff(ql.Option.Call if sign[i] > 0 else ql.Option.Put, float(strike[i])),
         float(forward[i, j]), float(sigma[i] * math.sqrt(years[i])), float(years[i]))
        for i, j in rows
    ]  # fmt: skip

    def call():
        found = []
        for payoff, price, total, time in terms:
            option = ql.BlackCalculator(payoff, price, total, 1.0)
            found.append(
                (option.deltaForward(), option.gammaForward(), option.vega(time), option.rho(time))
            )
        return found

    return call


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    labels = {
        "numpy_scipy_closed_form": "NumPy",
        "numba_closed_form": "numba",
        "quantlib_calculator_subset": "QuantLib (four)",
    }
    names, figures = ratios(content["jaxmargin_times_faster"], labels)
    size = f"{content['options']:,} options x {content['scenarios']:,} scenarios"
    question = f"seven greeks of {size} by autodiff, times as long by closed forms: {names}"
    return [{"question": question, "figure": figures}]


def main():
    jax.config.update("jax_enable_x64", True)
    years, forward, strikes, quotes, pillar, node, sign, moved = inputs()
    strike, sigma = strikes[pillar, node], quotes[pillar, node]
    today = Market(
        spot=jnp.array([60_000.0, 1.0]), perpetual=jnp.array([60_000.0, 1.0]),
        asset=jnp.zeros(PILLARS, jnp.int32), time=jnp.asarray(years),
        forward=jnp.asarray(forward), rate=jnp.zeros(PILLARS),
        surface=QuotedVolatilities(jnp.asarray(strikes), jnp.asarray(quotes), jnp.ones(PILLARS)),
    )  # fmt: skip
    batch = LinearOptions(
        pillar=jnp.asarray(pillar), strike=jnp.asarray(strike), sign=jnp.asarray(sign),
        settlement=jnp.ones(OPTIONS, jnp.int32), multiplier=jnp.ones(OPTIONS),
    )  # fmt: skip

    @jax.jit
    def autodiff(market, batch, forwards):
        def one(column):
            state = eqx.tree_at(lambda m: m.forward, market, column)
            return instrument_greeks(batch, state)

        return jax.vmap(one, in_axes=1, out_axes=1)(forwards)

    column = [x[:, None] for x in (sign, strike, sigma, years[pillar])]
    arguments = (column[0], moved[pillar], *column[1:])
    calls = {
        "jaxmargin_autodiff": lambda: autodiff(today, batch, jnp.asarray(moved)),
        "numpy_scipy_closed_form": lambda: by_hand(*arguments),
        "numba_closed_form": with_numba(sign, moved[pillar], strike, sigma, years[pillar]),
        "quantlib_calculator_subset": with_quantlib(
            sign, moved[pillar], strike, sigma, years[pillar]
        ),
    }
    calls = {name: call for name, call in calls.items() if call is not None}
    expected, found = by_hand(*arguments), calls["jaxmargin_autodiff"]()
    errors = {
        name: float(np.abs(np.asarray(mine) - theirs).max() / np.abs(theirs).max())
        for name, mine, theirs in zip(NAMES, found, expected, strict=True)
    }
    assert max(errors.values()) < 1e-9, errors
    seconds = time_in_turn(calls, rounds=5)
    per_option = {
        name: s["median"] / (SUBSET if name.endswith("subset") else OPTIONS * SCENARIOS)
        for name, s in seconds.items()
    }
    content = {
        "question": "seven greeks of options x scenarios, double precision",
        "options": OPTIONS,
        "scenarios": SCENARIOS,
        "quantlib_subset": SUBSET,
        "largest_error_over_largest_greek": errors,
        "seconds": seconds,
        "nanoseconds_per_option_and_scenario": {n: 1e9 * s for n, s in per_option.items()},
        "jaxmargin_times_faster": {
            name: s / per_option["jaxmargin_autodiff"] for name, s in per_option.items()
        },
    }
    write_result("greeks", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()

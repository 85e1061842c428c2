"""How fast are 1,000,000 option prices turned into volatilities, and how exactly?

Against NumPy with scipy (vectorized Newton), a Numba loop over all cores (the same Newton) and
QuantLib called quote by quote; the last runs on a sample and its time is scaled up. The answer is
checked before anything is timed. Run: python benchmarks/implied_volatility.py
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from harness import ratios, time_in_turn, write_result
from scipy.special import erfcx, ndtr

from jaxmargin.numerics import VolatilityStatus, implied_total_volatility

QUOTES, SAMPLE = 1_000_000, 20_000
NEWTON_STEPS, TOLERANCE = 100, 1e-13
FORWARD = 100.0


def inputs():
    """Out-of-the-money quotes: 5 to 200 % total volatility, to three standard deviations."""
    random = np.random.default_rng(0)
    volatility = np.exp(random.uniform(np.log(0.05), np.log(2.0), QUOTES))
    k = volatility * random.uniform(-3.0, 3.0, QUOTES)
    h, t = -np.abs(k) / volatility, 0.5 * volatility
    strike = FORWARD * np.exp(k)
    scale = 0.5 * np.sqrt(FORWARD * strike) * np.exp(-0.5 * (h * h + t * t))
    price = scale * (erfcx(-(h + t) / np.sqrt(2.0)) - erfcx(-(h - t) / np.sqrt(2.0)))
    return price, np.where(k >= 0.0, 1.0, -1.0), np.full(QUOTES, FORWARD), strike, volatility


def with_numpy(price, sign, forward, strike):
    """Newton on the price from its steepest point, where it converges from one side."""
    k = np.log(forward / strike)
    v = np.maximum(np.sqrt(2.0 * np.abs(k)), 1e-3)
    for _ in range(NEWTON_STEPS):
        d1 = k / v + 0.5 * v
        model = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - v)))
        step = (price - model) / (forward * np.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi))
        v += step
        if np.max(np.abs(step) / v) < TOLERANCE:
            break
    return v


def numba_newton():
    """The same quote by quote, each until it converges, on all cores; None without Numba."""
    try:
        from numba import njit, prange
    except ImportError:
        return None

    @njit(parallel=True)
    def solve(price, sign, forward, strike):
        found = np.empty_like(price)
        for i in prange(price.size):
            k, s = math.log(forward[i] / strike[i]), sign[i]
            v = max(math.sqrt(2.0 * abs(k)), 1e-3)
            for _ in range(NEWTON_STEPS):
                d1 = k / v + 0.5 * v
                upper = 0.5 * math.erfc(-s * d1 * math.sqrt(0.5))
                lower = 0.5 * math.erfc(-s * (d1 - v) * math.sqrt(0.5))
                vega = forward[i] * math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
                step = (price[i] - s * (forward[i] * upper - strike[i] * lower)) / vega
                v += step
                if abs(step) < TOLERANCE * v:
                    break
            found[i] = v
        return found

    return solve


def quantlib_loop():
    """QuantLib quote by quote, over a sample; None without QuantLib."""
    try:
        import QuantLib as ql
    except ImportError:
        return None

    def solve(price, sign, forward, strike):
        kind = [ql.Option.Call if s > 0.0 else ql.Option.Put for s in sign[:SAMPLE]]
        terms = zip(kind, strike.tolist(), forward.tolist(), price.tolist(), strict=False)
        return np.array(
            [
                ql.blackFormulaImpliedStdDev(kind, k, f, p, 1.0, 0.0, ql.nullDouble(), 1e-13, 100)
                for kind, k, f, p in terms
            ]
        )

    return solve


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    labels = {"numpy_scipy_f64": "NumPy", "numba_f64": "numba", "quantlib_sample": "QuantLib"}
    names, figures = ratios(content["times_jaxmargin_f64"], labels)
    question = f"imply {content['quotes']:,} volatilities, f64, times as long: {names}"
    return [{"question": question, "figure": figures}]


def main():
    jax.config.update("jax_enable_x64", True)
    *quotes, volatility = inputs()
    jitted = jax.jit(implied_total_volatility)
    double = [jnp.asarray(x) for x in quotes]
    single = [jnp.asarray(x, jnp.float32) for x in quotes]
    candidates = {
        "jaxmargin_f64": lambda: jitted(*double)[0],
        "jaxmargin_f32": lambda: jitted(*single)[0],
        "numpy_scipy_f64": lambda: with_numpy(*quotes),
    }
    for name, solve in {"numba_f64": numba_newton(), "quantlib_sample": quantlib_loop()}.items():
        if solve is not None:
            candidates[name] = lambda solve=solve: solve(*quotes)

    status = np.asarray(jitted(*double)[1])
    assert np.all(status == VolatilityStatus.CONVERGED), np.bincount(status)
    errors = {}
    for name, solve in candidates.items():
        found = np.asarray(solve(), np.float64)
        errors[name] = float(np.max(np.abs(found / volatility[: found.size] - 1.0)))
    assert errors["jaxmargin_f64"] < 1e-12, errors
    assert max(errors.values()) < 1e-4, errors
    jax.clear_caches()  # so that the first call compiles
    seconds = time_in_turn(candidates, rounds=7)
    scaled = {
        name: time["median"] * (QUOTES / SAMPLE if name == "quantlib_sample" else 1.0)
        for name, time in seconds.items()
    }
    content = {
        "question": "total volatility of out-of-the-money quotes, arrays already on the device",
        "quotes": QUOTES,
        "quantlib_sample": SAMPLE,
        "largest_relative_error": errors,
        "seconds": seconds,
        "seconds_for_all_quotes": scaled,
        "times_jaxmargin_f64": {n: s / scaled["jaxmargin_f64"] for n, s in scaled.items()},
    }
    write_result("implied_volatility", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()

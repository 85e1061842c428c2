"""European, American and barrier prices against QuantLib, 1,000 random cases each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.instruments.formulas import black
from jaxmargin.instruments.formulas_american import american_price
from jaxmargin.instruments.formulas_barrier import barrier_price

ql = pytest.importorskip("QuantLib", reason="QuantLib is in the extra 'test'")

CASES = 1_000
TODAY = ql.Date(1, 1, 2026)
DAY_COUNT = ql.Actual365Fixed()


@pytest.fixture(scope="module")
def cases():
    """Random terms; volatility 10 % to 120 %, a week to two years, rates and yields to 12 %."""
    random = np.random.default_rng(20260101)
    days = random.integers(7, 730, CASES)
    spot = 100.0 * np.exp(random.normal(0.0, 0.2, CASES))
    down = random.random(CASES) < 0.5
    below, above = random.uniform(0.6, 0.98, CASES), random.uniform(1.02, 1.5, CASES)
    terms = {
        "spot": spot,
        "strike": spot * random.uniform(0.7, 1.4, CASES),
        "sign": np.where(random.random(CASES) < 0.5, 1.0, -1.0),
        "volatility": random.uniform(0.1, 1.2, CASES),
        "days": days,
        "years": days / 365.0,
        "rate": random.uniform(0.0, 0.12, CASES),
        "yield": random.uniform(0.0, 0.12, CASES),
        "down": down,
        "knock_in": random.random(CASES) < 0.5,
        "barrier": spot * np.where(down, below, above),
    }
    terms["forward"] = spot * np.exp((terms["rate"] - terms["yield"]) * terms["years"])
    terms["total"] = terms["volatility"] * np.sqrt(terms["years"])
    ql.Settings.instance().evaluationDate = TODAY
    return terms


def process(terms, i):
    def curve(level):
        return ql.YieldTermStructureHandle(ql.FlatForward(TODAY, level, DAY_COUNT))

    volatility = ql.BlackConstantVol(
        TODAY, ql.NullCalendar(), float(terms["volatility"][i]), DAY_COUNT
    )
    return ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(float(terms["spot"][i]))),
        curve(float(terms["yield"][i])),
        curve(float(terms["rate"][i])),
        ql.BlackVolTermStructureHandle(volatility),
    )


def payoff(terms, i):
    kind = ql.Option.Call if terms["sign"][i] > 0.0 else ql.Option.Put
    return ql.PlainVanillaPayoff(kind, float(terms["strike"][i]))


def arrays(terms, *names):
    return tuple(jnp.asarray(terms[name]) for name in names)


def worst(record_property, mine, theirs, scale):
    error = np.abs(np.asarray(mine) - theirs) / scale
    record_property("worst_error", float(error.max()))
    print(f"worst error of {CASES:,} cases: {error.max():.1e}, median {np.median(error):.1e}")
    return float(error.max())


def test_european_prices_agree_to_fifteen_digits_of_the_forward(cases, record_property):
    theirs = [
        ql.blackFormula(payoff(cases, i).optionType(), float(cases["strike"][i]),
                        float(cases["forward"][i]), float(cases["total"][i]))
        for i in range(CASES)
    ]  # fmt: skip
    mine = jax.jit(black)(*arrays(cases, "sign", "forward", "strike", "total"))
    assert worst(record_property, mine, np.array(theirs), cases["forward"]) < 5e-15


def test_american_prices_agree_within_the_stated_error(cases, record_property):
    theirs = np.zeros(CASES)
    for i in range(CASES):
        exercise = ql.AmericanExercise(TODAY, TODAY + int(cases["days"][i]))
        option = ql.VanillaOption(payoff(cases, i), exercise)
        scheme = ql.QdFpAmericanEngine.accurateScheme()
        option.setPricingEngine(ql.QdFpAmericanEngine(process(cases, i), scheme))
        theirs[i] = option.NPV()
    mine = jax.jit(american_price)(
        *arrays(cases, "sign", "spot", "forward", "strike", "total"),
        rate_time=jnp.asarray(cases["rate"] * cases["years"]),
    )
    assert worst(record_property, mine, theirs, cases["spot"]) < 1e-5


@pytest.mark.parametrize(("rate", "yield_"), [(-0.02, 0.05), (0.03, -0.05), (0.0, -0.04)])
def test_american_prices_with_unusual_carry_agree_with_finite_differences(rate, yield_):
    for sign in (1.0, -1.0):
        terms = {
            "spot": np.array([100.0]), "strike": np.array([105.0]), "sign": np.array([sign]),
            "volatility": np.array([0.6]), "yield": np.array([yield_]), "rate": np.array([rate]),
        }  # fmt: skip
        option = ql.VanillaOption(payoff(terms, 0), ql.AmericanExercise(TODAY, TODAY + 365))
        option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process(terms, 0), 1000, 1000))
        mine = american_price(
            *(jnp.array([x]) for x in (sign, 100.0, 100.0 * np.exp(rate - yield_), 105.0, 0.6)),
            rate_time=jnp.array([rate]),
        )
        assert abs(float(mine[0]) - option.NPV()) < 2e-4 * 105.0


def test_barrier_prices_agree_to_thirteen_digits_of_the_spot(cases, record_property):
    types = {
        (True, True): ql.Barrier.DownIn, (True, False): ql.Barrier.DownOut,
        (False, True): ql.Barrier.UpIn, (False, False): ql.Barrier.UpOut,
    }  # fmt: skip
    theirs = np.zeros(CASES)
    for i in range(CASES):
        kind = types[bool(cases["down"][i]), bool(cases["knock_in"][i])]
        exercise = ql.EuropeanExercise(TODAY + int(cases["days"][i]))
        option = ql.BarrierOption(kind, float(cases["barrier"][i]), 0.0, payoff(cases, i), exercise)
        option.setPricingEngine(ql.AnalyticBarrierEngine(process(cases, i)))
        theirs[i] = option.NPV()
    barrier, down, knock_in = arrays(cases, "barrier", "down", "knock_in")
    mine = jax.jit(barrier_price)(
        *arrays(cases, "sign", "spot", "forward", "strike", "total"),
        barrier=barrier, down=down, knock_in=knock_in,
    )  # fmt: skip
    mine = np.asarray(mine) * np.exp(-cases["rate"] * cases["years"])
    assert worst(record_property, mine, theirs, cases["spot"]) < 1e-13

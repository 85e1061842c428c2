"""How fast are scenarios made, beside NumPy?

50 factors x 100,000 scenarios: normal, Student-t (4 degrees), t-copula, jumps, Sobol points; and
filtered historical simulation of 14 assets over 2,555 days, 10,000 paths of 10 days. Covariances
are checked against the stated one before anything is timed, filtered paths against a plain loop.
Run: python benchmarks/scenarios.py
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from harness import shown, time_in_turn, write_result

from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.scenarios import (
    CopulaMonteCarlo,
    Covariance,
    EwmaVolatility,
    FactorHistory,
    FilteredHistoricalSimulation,
    GaussianMonteCarlo,
    JumpDiffusion,
    JumpMonteCarlo,
    RiskFactors,
    Sobol,
    StudentMonteCarlo,
    fit_marginals,
)

FACTORS, SCENARIOS, DEGREES = 50, 100_000, 4
ASSETS, DAYS, PATHS, HORIZON, DECAY = 14, 2555, 10_000, 10, 0.94
KEY = jax.random.key(1)


def market(assets):
    return Market(
        spot=jnp.ones(assets),
        perpetual=jnp.ones(assets),
        asset=jnp.zeros(1, jnp.int32),
        time=jnp.ones(1),
        forward=jnp.ones(1),
        rate=jnp.zeros(1),
        surface=QuotedVolatilities(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.ones(1)),
    )


def factors(assets):
    return RiskFactors(jnp.eye(assets), pillars=1)


def covariance():
    return Covariance(jnp.linspace(0.01, 0.06, FACTORS), 0.5 * jnp.eye(FACTORS) + 0.5)


def peer(dtype):
    """NumPy: normals, one product with the Cholesky factor."""
    random = np.random.default_rng(1)
    root = np.linalg.cholesky(np.asarray(covariance().matrix(), np.float64)).astype(dtype)
    return lambda: root @ random.standard_normal((FACTORS, SCENARIOS), dtype=dtype)


def peer_student(dtype):
    normal, random = peer(dtype), np.random.default_rng(2)

    def draw():
        stretch = np.sqrt((DEGREES - 2) / random.chisquare(DEGREES, SCENARIOS)).astype(dtype)
        return normal() * stretch

    return draw


def filtered_peer(moves, dates):
    """The same filtered paths, one NumPy operation per day."""

    def run():
        variance = (moves**2).mean(axis=0)
        residual = np.empty_like(moves)
        for day, row in enumerate(moves):
            residual[day] = row / np.sqrt(variance)
            variance = DECAY * variance + (1.0 - DECAY) * row**2
        today = np.broadcast_to(variance, (PATHS, ASSETS))
        total = np.zeros((PATHS, ASSETS), moves.dtype)
        for date in dates:
            move = residual[date] * np.sqrt(today)
            total += move
            today = DECAY * today + (1.0 - DECAY) * move**2
        return total.T

    return run


def sources():
    shared = {"scenarios": SCENARIOS}
    past = jax.random.normal(jax.random.key(3), (1000, FACTORS)) * 0.03
    jumps = JumpDiffusion(covariance(), jnp.full(FACTORS, -0.1), covariance(), 0.01)
    return {
        "gaussian": GaussianMonteCarlo(factors(FACTORS), covariance(), **shared),
        "student": StudentMonteCarlo(factors(FACTORS), covariance(), degrees=DEGREES, **shared),
        "copula": CopulaMonteCarlo(
            factors(FACTORS), covariance().correlation, fit_marginals(past, DEGREES), **shared
        ),
        "jumps": JumpMonteCarlo(factors(FACTORS), jumps, **shared),
        "gaussian, sobol (131,072)": GaussianMonteCarlo(
            factors(FACTORS), covariance(), 131_072, draws=Sobol()
        ),
    }


def run(precision):
    dtype = np.float64 if precision == "f64" else np.float32
    state, made = market(FACTORS), sources()
    for name in ("gaussian", "student"):
        sample = np.cov(np.asarray(made[name].shocks(state, KEY).spot, np.float64))
        error = np.abs(sample / np.asarray(covariance().matrix(), np.float64) - 1.0).max()
        assert error < (0.03 if name == "gaussian" else 0.3), (name, error)
    candidates = {
        name: lambda source=source: source.shocks(state, KEY) for name, source in made.items()
    }
    candidates |= {"numpy gaussian": peer(dtype), "numpy student": peer_student(dtype)}

    moves = np.random.default_rng(4).standard_t(4, (DAYS, ASSETS)).astype(dtype) * dtype(0.02)
    source = FilteredHistoricalSimulation(
        FactorHistory(factors(ASSETS), jnp.asarray(moves)),
        EwmaVolatility(jnp.asarray(DECAY, dtype)),
        paths=PATHS,
        horizon_days=HORIZON,
    )
    dates = np.asarray(jax.random.randint(KEY, (HORIZON, PATHS), 0, DAYS))
    few = market(ASSETS)
    paths, loop = source.shocks(few, KEY).spot, filtered_peer(moves, dates)
    tolerance = 1e-10 if precision == "f64" else 2e-3
    np.testing.assert_allclose(paths, loop(), rtol=tolerance, atol=tolerance * 0.02)
    candidates["filtered"] = lambda: source.shocks(few, KEY)
    candidates["numpy filtered"] = loop
    seconds = time_in_turn(candidates, rounds=21)
    median = {name: each["median"] for name, each in seconds.items()}
    return {
        "seconds": seconds,
        "gaussian_times_numpy": median["numpy gaussian"] / median["gaussian"],
        "student_times_numpy": median["numpy student"] / median["student"],
        "student_over_gaussian": median["student"] / median["gaussian"],
        "filtered_seconds": median["filtered"],
        "filtered_times_numpy": median["numpy filtered"] / median["filtered"],
    }


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    sizes, single, double = content["sizes"], content["f32"], content["f64"]

    def drawn(result):
        names = ("gaussian_times_numpy", "student_times_numpy")
        return ", ".join(f"{shown(result[name])}x" for name in names)

    def filtered(result):
        return f"{shown(result['filtered_seconds'])} s, {shown(result['filtered_times_numpy'])}x"

    drawing = f"{sizes['factors']} factors x {sizes['scenarios']:,} scenarios"
    filtering = (
        f"filtered simulation, {sizes['filtered_days']:,} days x {sizes['filtered_assets']} assets"
        f" x {sizes['filtered_paths']:,} paths of {sizes['filtered_horizon_days']} days"
    )
    return [
        {
            "question": f"{drawing}, times NumPy: Gaussian, Student-t",
            "figure": f"f32 {drawn(single)}; f64 {drawn(double)}",
        },
        {
            "question": f"{filtering}: seconds, times NumPy",
            "figure": f"f32 {filtered(single)}; f64 {filtered(double)}",
        },
    ]


def main():
    results = {}
    for precision in ("f32", "f64"):
        jax.config.update("jax_enable_x64", precision == "f64")
        results[precision] = run(precision)
    sizes = {
        "factors": FACTORS, "scenarios": SCENARIOS, "degrees": DEGREES, "filtered_assets": ASSETS,
        "filtered_days": DAYS, "filtered_paths": PATHS, "filtered_horizon_days": HORIZON,
    }  # fmt: skip
    content = {"sizes": sizes, **results}
    write_result("scenarios", content | {"readme": rows(content)})


if __name__ == "__main__":
    sys.exit(main())

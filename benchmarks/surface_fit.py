"""How close do SVI and SSVI come to Deribit's marks, and how fast are 24 expiries fitted?

Every eighth snapshot of the option chains and all of the crash of 2026-02-04 to 07; marks of 10 to
90 delta and 7 to 180 days are judged, marks of 1 to 99 delta and any expiry are fitted, weighed by
vega. The clock compares with `scipy.optimize.least_squares` expiry by expiry, from the same starts.
Needs the reference data: JAXMARGIN_REFERENCE_DATA, or `shared` beside the repository.
Run: python benchmarks/surface_fit.py
"""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from harness import ratios, shown, time_in_turn, write_result
from scipy.optimize import least_squares
from scipy.special import ndtr

from jaxmargin.market import FitStatus, fit_ssvi, fit_svi, quote_weight

DATA = Path(
    os.environ.get("JAXMARGIN_REFERENCE_DATA", Path(__file__).resolve().parents[2] / "shared")
)
CHAIN = "data/deribit_option_chains_daily.parquet"
EXPIRIES, NODES, TIMED = 13, 64, 24
CRASH = (pd.Timestamp("2026-02-04", tz="UTC"), pd.Timestamp("2026-02-08", tz="UTC"))
TARGET_POINTS = 0.3


def marks():
    """Out-of-the-money marks of the sampled snapshots, with moneyness, years and delta."""
    table = pd.read_parquet(DATA / CHAIN)
    snapshots = np.sort(table["snapshot"].unique())
    sampled = table["snapshot"].isin(snapshots[::8])
    crash = table["snapshot"].between(*CRASH, inclusive="left")
    usable = (table["mark_iv"] > 0.0) & table["fwd_parity"].notna() & table["mark_lag_s"].notna()
    table = table[(sampled | crash) & usable]
    seconds = (table["expiry"] - table["snapshot"]).dt.total_seconds() - table["mark_lag_s"]
    years = seconds.astype(float) / (365.0 * 86_400.0)
    k = np.log(table["strike"] / table["fwd_parity"])
    table = table.assign(years=years, k=k, variance=table["mark_iv"] ** 2 * years)
    table = table[(years > 0.0) & ((table["option_type"] == "call") == (k >= 0.0))]
    root = np.sqrt(table["variance"])
    table = table.assign(delta=ndtr(root / 2.0 - table["k"] / root))
    return table[table["delta"].between(0.01, 0.99)].sort_values(["expiry", "k"])


def grids(surface):
    """One asset's marks as rows by expiry, padded, and the mask."""
    row = np.unique(surface["expiry"], return_inverse=True)[1]
    slot = surface.groupby("expiry").cumcount().to_numpy()
    filled = {}
    for name in ("k", "variance", "years", "delta"):
        filled[name] = np.ones((EXPIRIES, NODES))
        filled[name][row, slot] = surface[name]
    mask = np.zeros((EXPIRIES, NODES), bool)
    mask[row, slot] = True
    weight = quote_weight(jnp.asarray(filled["k"]), jnp.asarray(filled["variance"]))
    filled["weight"] = np.asarray(weight) / np.sqrt(filled["years"])
    return filled, mask


def fit_all(surfaces):
    """Errors in volatility points by form and by calm or crash, and the status of every expiry."""
    errors = {form: {"calm": [], "crash": []} for form in ("svi", "ssvi")}
    failed, bounds = dict.fromkeys(errors, 0), []
    for moment, filled, mask in surfaces:
        arguments = [jnp.asarray(filled[n]) for n in ("k", "variance", "weight")]
        judged = mask & (filled["delta"] > 0.1) & (filled["delta"] < 0.9)
        judged &= (filled["years"] * 365.0 >= 7.0) & (filled["years"] * 365.0 <= 180.0)
        for form, fit in (("svi", fit_svi), ("ssvi", fit_ssvi)):
            smiles, report = fit(*arguments, jnp.asarray(mask))
            points = np.abs(np.asarray(report.residual)) / np.sqrt(filled["years"]) * 100.0
            when = "crash" if CRASH[0] <= moment < CRASH[1] else "calm"
            errors[form][when].append(points[judged])
            lost = np.asarray(report.status != FitStatus.CONVERGED) & mask.any(axis=1)
            failed[form] += int(lost.sum())
            if form == "ssvi":
                bounds.append(float(jnp.nanmax(smiles.butterfly_bound())))
    return errors, failed, max(bounds)


def summary(errors):
    """Median, ninth decile and maximum of absolute errors in volatility points."""
    result = {}
    for form, moments in errors.items():
        parts = {when: np.concatenate(part) for when, part in moments.items()}
        parts["all"] = np.concatenate(list(parts.values()))
        result[form] = {
            when: {
                "marks": part.size,
                "median": float(np.nanmedian(part)),
                "ninth_decile": float(np.nanquantile(part, 0.9)),
                "largest": float(np.nanmax(part)),
                "without_fit": int(np.isnan(part).sum()),
            }
            for when, part in parts.items()
        }
    return result


def scipy_residual(p, k, root, weight):
    """Weighted error of SVI with the transformed numbers `p`; one expiry."""
    least, b, rho, m, sigma = np.exp(p[0]), np.exp(p[1]), np.tanh(p[2]), p[3], np.exp(p[4])
    lift = rho * (k - m) + np.sqrt((k - m) ** 2 + sigma**2)
    bottom = sigma * np.sqrt(1.0 - rho**2)
    return weight * (np.sqrt(least + b * (lift - bottom)) - root)


def with_scipy(quotes, mask, residual=scipy_residual):
    """Least weighted sum of squares of each expiry, from three starts, in transformed numbers."""
    costs = []
    for *row, held in zip(*quotes, mask, strict=True):
        log_moneyness, variance, vega = (x[held] for x in row)
        unit = np.sqrt(np.average(variance, weights=vega**2))
        scaled = (log_moneyness / unit, np.sqrt(variance) / unit, vega * unit)
        starts = ([np.log(0.8), np.log(0.2), 0.0, m, 0.0] for m in (-0.5, 0.0, 0.5))
        fits = (least_squares(residual, start, method="lm", args=scaled) for start in starts)
        costs.append(min(2.0 * fit.cost for fit in fits))
    return np.array(costs)


def with_numba():
    """The residual compiled by numba; None without numba."""
    try:
        import numba
    except ImportError:
        return None
    return numba.njit(fastmath=True)(scipy_residual)


def with_quantlib(quotes, mask):
    """QuantLib's own fit of each expiry, other weights, answer not compared; None without it."""
    try:
        import QuantLib as ql
    except ImportError:
        return None
    today = ql.Date(1, 1, 2026)
    terms = []
    for k, variance, _, held in zip(*quotes, mask, strict=True):
        volatilities = np.sqrt(variance[held])
        middle = float(np.interp(0.0, k[held], volatilities))
        terms.append((np.exp(k[held]).tolist(), middle, volatilities.tolist()))

    def call():
        ql.Settings.instance().evaluationDate = today
        errors = []
        for strikes, middle, volatilities in terms:
            start = (0.5 * middle**2, 0.1, 0.1, -0.2, 0.0)
            section = ql.SviInterpolatedSmileSection(
                today + 365, 1.0, strikes, False, middle, volatilities, *start, *([False] * 5)
            )
            errors.append(section.rmsError())
        return np.array(errors)

    return call


def timing(surfaces):
    """Seconds for 24 expiries of one moment of the crash, after the sums of squares agree."""
    rows = [(filled, mask) for moment, filled, mask in surfaces if moment >= CRASH[0]][:2]
    stacked = [
        np.concatenate([filled[name] for filled, _ in rows]) for name in ("k", "variance", "weight")
    ]
    mask = np.concatenate([mask for _, mask in rows])
    full = np.flatnonzero(mask.sum(axis=1) >= 8)
    full = np.resize(full, TIMED)  # an expiry twice where there are fewer
    quotes, mask = [x[full] for x in stacked], mask[full]
    arguments = [jnp.asarray(x) for x in quotes]
    single = [jnp.asarray(x, jnp.float32) for x in quotes]
    candidates = {
        "jaxmargin_f64": lambda: fit_svi(*arguments, jnp.asarray(mask)),
        "jaxmargin_f32": lambda: fit_svi(*single, jnp.asarray(mask)),
        "scipy_f64": lambda: with_scipy(quotes, mask),
    }
    if (compiled := with_numba()) is not None:
        candidates["scipy_with_numba_residual_f64"] = lambda: with_scipy(quotes, mask, compiled)
    if (quantlib := with_quantlib(quotes, mask)) is not None:
        candidates["quantlib_own_weights_f64"] = quantlib
    best, ratios = with_scipy(quotes, mask), {}
    for name in ("jaxmargin_f64", "jaxmargin_f32"):
        residual = np.asarray(candidates[name]()[1].residual, np.float64)
        cost = np.sum(np.square(quotes[2] * residual), axis=1)
        ratios[name] = float(np.max(np.sqrt(cost / best)))
    assert max(ratios.values()) < 1.05, ratios
    jax.clear_caches()  # so that the first call compiles
    seconds = time_in_turn(candidates, rounds=9)
    return {
        "expiries": TIMED,
        "quotes": int(mask.sum()),
        "padded_to": NODES,
        "largest_ratio_of_root_mean_square_to_scipy": ratios,
        "seconds": seconds,
        "times_jaxmargin_f64": {
            name: s["median"] / seconds["jaxmargin_f64"]["median"] for name, s in seconds.items()
        },
    }


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    medians = [shown(content["points"][form]["all"]["median"]) for form in ("svi", "ssvi")]
    chains, fit = content["surfaces"], content["fit_of_svi"]
    labels = {
        "scipy_f64": "scipy",
        "scipy_with_numba_residual_f64": "scipy with numba",
        "quantlib_own_weights_f64": "QuantLib",
    }
    names, figures = ratios(fit["times_jaxmargin_f64"], labels)
    return [
        {
            "question": f"fit SVI, SSVI to {chains} Deribit chains, median error in points",
            "figure": ", ".join(medians),
        },
        {
            "question": f"fit {fit['expiries']} smiles, f64, times as long: {names}",
            "figure": figures,
        },
    ]


def main():
    jax.config.update("jax_enable_x64", True)
    table = marks()
    surfaces = [
        (moment, *grids(surface))
        for (moment, _), surface in table.groupby(["snapshot", "currency"], observed=True)
    ]
    errors, failed, bound = fit_all(surfaces)
    points = summary(errors)
    for form in ("svi", "ssvi"):
        met = points[form]["all"]["median"] <= TARGET_POINTS
        print(f"{form}: median {points[form]['all']['median']:.3f} points, target met: {met}")
    content = {
        "question": "absolute error of fitted volatilities in points; 10-90 delta, 7-180 days",
        "surfaces": len(surfaces),
        "dtype": "float64",
        "points": points,
        "expiries_without_fit": failed,
        "largest_butterfly_bound_of_ssvi": bound,
        "fit_of_svi": timing(surfaces),
    }
    write_result("surface_fit", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()

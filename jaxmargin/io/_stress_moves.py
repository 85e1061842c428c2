"""Stress scenarios on a market: a move for every asset and pillar, and the rule it comes from."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems
from jaxmargin.io._stress import StressScenario, StressStep

__all__ = ["build_stress", "estimate_betas"]

_DRIVER = "BTC"
_DAYS_PER_YEAR = 365.0
_REFERENCE_DAYS = 30.0  # expiry at which the files state moves of volatility
_FEWEST_RETURNS = 30  # below this a regression says little: no beta rather than a poor one


def estimate_betas(closes: pd.DataFrame, assets: Sequence[str]) -> dict[str, float]:
    """Slope of each asset's daily log return on that of BTC, by least squares with intercept.

    Empty if the history has no BTC, no move of BTC, or fewer than 30 returns; `build_stress` then
    takes the default beta of each file, and its report says so.

    Args:
        closes: daily closes, one row per day and one column per asset, without gaps.
        assets: assets of the market; those without a column get no beta.
    """
    if _DRIVER not in closes.columns or len(closes) <= _FEWEST_RETURNS:
        return {}
    columns = [asset for asset in assets if asset in closes.columns]
    returns = np.diff(np.log(closes[[_DRIVER, *columns]].to_numpy(float)), axis=0)
    centered = returns - returns.mean(axis=0)
    driver = centered[:, 0]
    if not (driver @ driver) > 0.0:
        return {}
    slopes = centered[:, 1:].T @ driver / (driver @ driver)
    return {asset: float(slope) for asset, slope in zip(columns, slopes, strict=True)}


def build_stress(
    scenarios: Sequence[StressScenario],
    market: MarketTables,
    betas: Mapping[str, float],
    problems: Problems,
    *,
    numeraire: str = "USD",
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    r"""Moves of every asset and pillar, named as the fields of `Shocks`, and where they come from.

    What a file states is taken. For the rest:

    - A coin's price moves by $\exp(\beta \ln(1 + m)) - 1$ with the move $m$ of BTC and its own
      $\beta$ from `betas`, or the file's default.
    - A wrapped asset keeps its ratio to what it follows, a stablecoin or currency its price.
    - Volatility, basis, perpetual and funding of a coin move as BTC's do; those of other assets
      do not move.

    A volatility moves by $v\,(30 / \max(d, 1))^p$, relative, with $d$ days to expiry and the
    file's power $p$. A change $b$ of the annual carry moves a forward by $\exp(b\,T)$ with the
    years $T$ that are left to expiry after the scenario.

    Args:
        scenarios: files read by `read_stress`.
        market: the market tables.
        betas: beta to BTC by asset, see `estimate_betas`.
        problems: where problems go.
        numeraire: currency of prices; it cannot depeg from itself.

    Returns:
        `spot`, `perpetual`, `funding` [asset, scenario], `basis`, `volatility`, `rate` [pillar,
        scenario], `time` and `weight` [scenario], as in `Shocks`; and one row per scenario and
        asset with the relative change of its price and the rule behind it.
    """
    assets, forwards = market.assets, market.forwards
    columns = [(scenario, step) for scenario in scenarios for step in scenario.steps]
    labels = [step.label for _, step in columns]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        problems.add(f"stress {label!r}", "more than once", "Name each stress once.")
    coins = set(assets.loc[assets["kind"] == "coin", "asset"])
    marked = forwards["as_of"].fillna(market.time)
    days = (forwards["expiry"] - marked).dt.total_seconds().to_numpy() / 86_400.0
    per_asset, per_pillar = (len(assets), len(columns)), (len(forwards), len(columns))
    arrays: dict[str, np.ndarray] = {}
    arrays |= {name: np.zeros(per_asset) for name in ("spot", "perpetual", "funding")}
    arrays |= {name: np.zeros(per_pillar) for name in ("basis", "volatility", "rate")}
    arrays["time"] = np.array([step.days / _DAYS_PER_YEAR for _, step in columns], float)
    arrays["weight"] = np.ones(len(columns))
    rows = []
    for column, (scenario, step) in enumerate(columns):
        _check_stated(step, assets, numeraire, problems)
        moves, rules = _prices(scenario, step, assets, betas)
        arrays["spot"][:, column] = moves
        names = assets["asset"]
        arrays["perpetual"][:, column] = np.log1p(_stated(step.perpetual, names, coins))
        arrays["funding"][:, column] = _stated(step.funding, names, coins)
        left = np.maximum(days - step.days, 0.0) / _DAYS_PER_YEAR
        arrays["basis"][:, column] = _stated(step.basis, forwards["asset"], coins) * left
        scale = (_REFERENCE_DAYS / np.maximum(days, 1.0)) ** step.volatility_power
        volatility = _stated(step.volatility, forwards["asset"], coins) * scale
        arrays["volatility"][:, column] = np.log1p(volatility)
        base = market.base_row()
        whole = moves + np.where(base == np.arange(len(assets)), 0.0, moves[base])
        rows += [
            (step.label, asset, float(move), rule)
            for asset, move, rule in zip(names, np.expm1(whole), rules, strict=True)
        ]
    return arrays, pd.DataFrame(rows, columns=["scenario", "asset", "move", "rule"])


def _stated(stated: Mapping[str, float], names: pd.Series, coins: set[str]) -> np.ndarray:
    """The stated move of each name; else that of BTC for coins, and none for the rest."""
    driver = stated.get(_DRIVER, 0.0)
    return np.array([stated.get(n, driver if n in coins else 0.0) for n in names], float)


def _prices(
    scenario: StressScenario, step: StressStep, assets: pd.DataFrame, betas: Mapping[str, float]
) -> tuple[np.ndarray, list[str]]:
    """Log change of each asset's price, or of its ratio to what it follows, with the rule."""
    moves, rules = [], []
    for asset, kind, base in assets[["asset", "kind", "base"]].itertuples(index=False):
        if kind != "coin":
            move = np.log1p(step.depeg.get(asset, 0.0))
            still = f"follows {base}" if kind == "wrapped" else f"{kind}: none"
            rule = "depeg stated" if asset in step.depeg else still
        elif asset in step.spot:
            move, rule = np.log1p(step.spot[asset]), "stated"
        elif _DRIVER not in step.spot:
            move, rule = 0.0, "none: no move of BTC stated"
        else:
            known = asset in betas and scenario.betas == "history"
            beta = betas[asset] if known else scenario.default_beta
            move = beta * np.log1p(step.spot[_DRIVER])
            rule = f"beta {beta:.2f} to BTC, from history" if known else ""
            rule = rule or f"default beta {beta:g} to BTC"
        moves.append(move)
        rules.append(rule)
    return np.array(moves, float), rules


def _check_stated(
    step: StressStep, assets: pd.DataFrame, numeraire: str, problems: Problems
) -> None:
    """A price stated in the wrong table would be silently ignored."""
    where = f"stress {step.label!r}"
    for asset, kind in assets[["asset", "kind"]].itertuples(index=False):
        if kind != "coin" and asset in step.spot:
            problems.add(
                f"{where}, [spot] {asset}",
                f"its kind in the assets table is {kind}",
                "Only coins move by [spot]: state its move in [depeg], or correct the kind.",
            )
        if kind == "coin" and asset in step.depeg:
            problems.add(
                f"{where}, [depeg] {asset}",
                "its kind in the assets table is coin",
                "State its move in [spot], or give it kind stablecoin, or kind wrapped and a base.",
            )
        if asset == numeraire and (kind == "coin" or asset in step.depeg):
            problems.add(
                f"{where}, {asset}",
                "prices are in units of it, so its own cannot move",
                "Choose another numeraire, or another stress.",
            )

"""Rulebooks of venues in a job: from a set of settings to the rule, and names of its scenarios."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmargin.io import (
    Problems,
    RulebookSettings,
    build_derive_rulebook,
    build_rulebook,
    nearest,
    read_rulebook_file,
    rulebook_library,
    settings_of,
    sha256,
)
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._scenarios import Scenarios
from jaxmargin.margin import (
    AbstractAccountRulebook,
    AbstractRulebook,
    BinancePortfolio,
    BybitUnified,
    DeribitPortfolio,
    DriftWeights,
    DydxCross,
    FixedPercentage,
    HyperliquidTiers,
    OkxPortfolio,
    ScanGrid,
    ValuationPoints,
    VegaLognormal,
)
from jaxmargin.margin.derive import DerivePmrm1, DerivePmrm2, DeriveStandard
from jaxmargin.market import Market
from jaxmargin.scenarios import GivenScenarios, Shocks

__all__ = [
    "VENUE_RULEBOOKS",
    "build_venue_rulebook",
    "settings_facts",
    "shock_labels",
    "venue_scenarios",
]

VENUE_RULEBOOKS: dict[str, type[AbstractAccountRulebook]] = {
    "binance-pm": BinancePortfolio,
    "bybit-uta": BybitUnified,
    "deribit-pm": DeribitPortfolio,
    "derive-pmrm1": DerivePmrm1,
    "derive-pmrm2": DerivePmrm2,
    "derive-standard": DeriveStandard,
    "drift-weights": DriftWeights,
    "dydx-v4": DydxCross,
    "fixed-percentage": FixedPercentage,
    "hyperliquid-tiers": HyperliquidTiers,
    "okx-pm": OkxPortfolio,
    "scan-grid": ScanGrid,
    "valuation-points": ValuationPoints,
    "vega-lognormal-es": VegaLognormal,
}
_DERIVE = ("derive-pmrm1", "derive-pmrm2", "derive-standard")


def build_venue_rulebook(
    kind: str, name: str | None, file: Path | None, inputs: Inputs, place: str
) -> AbstractRulebook:
    """The rule of this kind for the assets of a job.

    Args:
        kind: name of the rulebook, one of `VENUE_RULEBOOKS`.
        name: set of settings; the first of the file where it is None.
        file: file of settings; the package's own where it is None.
        inputs: the checked inputs of the job.
        place: what asks for it, to begin messages with.

    Raises:
        InvalidInputError: with every problem of the settings.
    """
    problems, (chosen, _) = Problems(), _chosen(kind, name, file, place)
    assets = list(inputs.market.assets["asset"])
    instruments = inputs.book.instruments
    if kind in _DERIVE:  # its settings are by market, and coins without one may be collateral
        traded = set(instruments.loc[instruments["kind"] != "spot", "underlying"])
        rule = build_derive_rulebook(kind, chosen, assets, traded, problems)
    else:
        follows = dict(inputs.market.assets[["asset", "base"]].itertuples(index=False))
        underlying = set(instruments["underlying"])
        needed = underlying | {follows[name] or name for name in underlying}
        rule = build_rulebook(VENUE_RULEBOOKS[kind], chosen, assets, needed, problems)
    problems.raise_if_any()
    assert rule is not None
    return rule


def _chosen(
    kind: str, name: str | None, file: Path | None, place: str
) -> tuple[RulebookSettings, Path]:
    """A set of settings and the file that it is in; see `build_venue_rulebook`."""
    problems = Problems()
    path = file or rulebook_library()[kind]
    read = read_rulebook_file(path, problems)
    if read is not None and read.rulebook != kind:
        problems.add(
            f"{path.name}, rulebook",
            f"{read.rulebook!r}{nearest(read.rulebook, VENUE_RULEBOOKS)} is not {kind!r}, which "
            f"{place} asks for",
            "Give a file of that rulebook.",
        )
        read = None
    chosen = None if read is None else settings_of(read, name, problems)
    problems.raise_if_any()
    assert chosen is not None  # or there are problems
    return chosen, path


def settings_facts(kind: str, name: str | None, file: Path | None) -> dict[str, Any]:
    """Which set of settings a rule has, for a manifest: set, date, file, sha256 of the file.

    Args:
        kind: see `build_venue_rulebook`, as the others.
        name: the set, or None.
        file: the file, or None.

    Raises:
        InvalidInputError: with every problem of the settings.
    """
    chosen, path = _chosen(kind, name, file, "[rulebook]")
    return {
        "set": chosen.name,
        "date": chosen.date.isoformat(),
        "file": chosen.file,
        "sha256": sha256(path),
    }


def venue_scenarios(
    rulebook: AbstractRulebook, kind: str, inputs: Inputs, market: Market
) -> Scenarios:
    """A rulebook's own scenarios, with labels, as a job keeps its scenarios.

    Their provenance has the `settings_facts` of the job's [rulebook] if that is of this kind.
    """
    own = inputs.job.rulebook
    facts = settings_facts(kind, own["set"], own["file"]) if kind == own["kind"] else {}
    shocks = rulebook.shocks(market)
    count = int(np.flatnonzero(np.asarray(shocks.weight) > 0.0).max(initial=0)) + 1
    shocks = jax.tree.map(lambda leaf: leaf[..., :count] if leaf.ndim else leaf, shocks)
    return Scenarios(
        source=GivenScenarios(shocks),
        key=jax.random.key(0),
        labels=shock_labels(shocks, list(inputs.market.assets["asset"])),
        provenance={"kind": "of the rulebook", "rulebook": kind, **facts},
    )


def shock_labels(shocks: Shocks, assets: list[str]) -> list[str]:
    """What each scenario does, such as "BTC +0.12, volatility +0.5".

    The asset that moves most speaks for all, and the pillar whose volatility does.
    """
    spot, labels = np.asarray(shocks.spot), []
    for column in range(spot.shape[1]):
        mover = int(np.argmax(np.abs(spot[:, column])))
        parts = []
        if spot[mover, column]:
            parts.append(f"{assets[mover]} {np.expm1(spot[mover, column]):+.4g}")
        for name in ("volatility", "basis"):
            table = getattr(shocks, name)
            moves = np.zeros(1) if table is None else np.asarray(table)[:, column]
            largest = moves[np.argmax(np.abs(moves))] if moves.size else 0.0
            if largest:
                parts.append(f"{name} {np.expm1(largest):+.3g}")
        if shocks.tilt is not None:
            for name in ("skew", "wings"):
                if np.any(np.asarray(getattr(shocks.tilt, name))[:, column]):
                    parts.append(name)
        labels.append(", ".join(parts) or "no move")
    return _distinct(labels)


def _distinct(labels: list[str]) -> list[str]:
    """Labels with a number behind those that would be the same as an earlier one."""
    seen: dict[str, int] = {}
    distinct = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        distinct.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return distinct

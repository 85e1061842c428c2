"""Published cases of Derive's margin rules, computed here and compared."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs._comparison import Comparison
from jaxmargin.jobs._conform_derive_inputs import (
    collateral_arrays,
    fill_standard_market,
    market_arrays,
    option_arrays,
    pmrm1_tables,
    pmrm2_tables,
    scenario_rows,
    standard_tables,
)

if TYPE_CHECKING:
    from jaxmargin.margin.derive import PortfolioMargin, StandardMargin

__all__ = ["conform_derive"]

_TOLERANCE = 1e-10  # relative to the figure, or absolute below one USD


def conform_derive(document: dict[str, Any]) -> list[Comparison]:
    """Compare every case of a document of rulebook derive.pmrm1, derive.pmrm2 or derive.srm.

    Raises:
        InvalidInputError: the document is of another rulebook, or a case has settings or scenarios
            that the rule does not allow and is not marked as invalid.
    """
    rules = {
        "derive.pmrm1": _conform_portfolio,
        "derive.pmrm2": _conform_portfolio,
        "derive.srm": _conform_standard,
    }
    rulebook = document.get("rulebook")
    if rulebook not in rules:
        raise InvalidInputError(f"rulebook: got {rulebook!r}. Give one of {', '.join(rules)}.")
    return rules[rulebook](document)


def _conform_portfolio(document: dict[str, Any]) -> list[Comparison]:
    """Cases of PMRM v1 or PMRM_2, all in one program."""
    import jax

    from jaxmargin.io import Problems, build_derive_parameters, build_derive_scenarios
    from jaxmargin.margin.derive import DeriveScenarios, margin_pmrm1, margin_pmrm2

    second = document["rulebook"] == "derive.pmrm2"
    rulebook, tables = ("derive-pmrm2", pmrm2_tables) if second else ("derive-pmrm1", pmrm1_tables)
    compared, cases, parameters, scenarios = [], [], [], []
    for case in document["cases"]:
        problems, where = Problems(), str(case["id"])
        rows = scenario_rows(document["scenario_sets"][case["scenarios"]])
        grid = build_derive_scenarios(rows, f"{where}, scenarios", problems, skewed=second)
        if not case.get("valid", True):
            compared.append(Comparison(where, "refused", 1.0, float(grid is None), 0.0))
            continue
        settings = tables(document["parameter_sets"][case["parameters"]])
        parameters.append(build_derive_parameters(rulebook, settings, where, problems))
        problems.raise_if_any()
        scenarios.append(grid)
        cases.append(case)
    if not cases:
        return compared

    most = max(grid.damping.size for grid in scenarios)
    padded = [
        DeriveScenarios(
            _padded(grid.spot_multiplier, most, 1.0),
            _padded(grid.mode, most, 0.0),
            _padded(grid.damping, most, 0.0),
        )
        for grid in scenarios
    ]
    markets = [case["market"] for case in cases]
    books = [case["book"] for case in cases]
    rows = max(1, *(len(book["options"]) for book in books))
    expiries = max(1, *(len(book["expiries"]) for book in markets))
    market = [
        market_arrays(quotes, book["options"], expiries)
        for quotes, book in zip(markets, books, strict=True)
    ]
    positions = [
        option_arrays(book, quotes["expiries"], rows)
        for quotes, book in zip(markets, books, strict=True)
    ]
    if second:
        coins = max(1, *(len(book["collaterals"]) for book in books))
        held = _stack([collateral_arrays(book["collaterals"], coins) for book in books])
    else:
        held = np.asarray([book["base"] for book in books], float)
    rule = margin_pmrm2 if second else margin_pmrm1
    margin = jax.jit(jax.vmap(rule))(
        _stack(market), _stack(positions), held, _stack(padded), _stack(parameters)
    )
    for row, case in enumerate(cases):
        one = jax.tree.map(lambda leaf, row=row: np.asarray(leaf)[row], margin)
        compared += _compare(case, _portfolio_figures(one))
        for place, expected in enumerate(case["expected"].get("scenario_pnl", ())):
            found = float(one.scenario_pnl[place])
            compared.append(_close(case, f"scenario_pnl {place}", found, expected))
    return compared


def _portfolio_figures(margin: "PortfolioMargin") -> dict[str, float]:
    """Figures under their published names; requirements have the published sign."""
    initial, maintenance = margin.initial_components, margin.maintenance_components
    figures = {
        "im": margin.initial_net,
        "mm": margin.maintenance_net,
        "portfolio_mtm_incl_cash": margin.equity,
        "basis_contingency": margin.basis_pnl,
        "oracle_contingency": -initial["oracle"],
        "mm_perp_contingency": -maintenance["perpetuals"],
        "im_perp_contingency_extra": maintenance["perpetuals"] - initial["perpetuals"],
        "mm_option_contingency": -maintenance["options"],
        "im_option_contingency_extra": maintenance["options"] - initial["options"],
        "mm_collateral_contingency": -maintenance["collateral"],
        "im_collateral_contingency_extra": maintenance["collateral"] - initial["collateral"],
        "perp_contingency": -maintenance["perpetuals"],
        "option_contingency": -maintenance["options"],
        "base_contingency": -maintenance["collateral"],
        "min_span": -maintenance["scenarios"],
    }
    return {name: float(value) for name, value in figures.items()}


def _conform_standard(document: dict[str, Any]) -> list[Comparison]:
    """Cases of the Standard manager, all in one program."""
    import jax

    from jaxmargin.io import Problems, build_derive_parameters
    from jaxmargin.margin.derive import margin_standard

    cases = document["cases"]
    every = [quotes for case in cases for quotes in case["markets"].values()]
    names = list(dict.fromkeys(name for case in cases for name in case["markets"]))
    rows = max(1, *(len(quotes["book"]["options"]) for quotes in every))
    expiries = max(1, *(len(quotes["expiries"]) for quotes in every))
    market, positions, base, parameters = [], [], [], []
    for case in cases:
        problems = Problems()
        tables = standard_tables(document["parameter_sets"][case["parameters"]])
        settings = build_derive_parameters("derive-standard", tables, str(case["id"]), problems)
        problems.raise_if_any()
        filled = [
            fill_standard_market(case, name, first=place == 0) for place, name in enumerate(names)
        ]
        market.append(
            _stack([market_arrays(quotes, book["options"], expiries) for quotes, book in filled])
        )
        positions.append(
            _stack([option_arrays(book, quotes["expiries"], rows) for quotes, book in filled])
        )
        base.append([book["base"] for _, book in filled])
        parameters.append(_stack([settings] * len(names)))
    margin = jax.jit(jax.vmap(margin_standard))(
        _stack(market), _stack(positions), np.asarray(base, float), _stack(parameters)
    )
    compared = []
    for row, case in enumerate(cases):
        one = jax.tree.map(lambda leaf, row=row: np.asarray(leaf)[row], margin)
        figures = _standard_figures(one)
        if "ETH" in case["markets"]:
            place, count = names.index("ETH"), len(case["markets"]["ETH"]["expiries"])
            last = max(count, 1) - 1
            for long, short in (("initial", "im"), ("maintenance", "mm")):
                isolated, bounded = (
                    getattr(one, f"{long}_{kind}")[place] for kind in ("isolated", "bounded")
                )
                figures[f"eth_option_isolated_{short}"] = float(isolated.sum())
                # the margin takes the bound of every expiry; published is that of the last one
                # listed, as far as the one case with several expiries shows
                figures[f"eth_option_bounded_{short}"] = float(bounded[last])
        compared += _compare(case, figures)
    return compared


def _standard_figures(margin: "StandardMargin") -> dict[str, float]:
    return {
        "im": float(margin.initial_net),
        "mm": float(margin.maintenance_net),
        "mtm_incl_cash": float(margin.equity),
        "oracle_contingency": -float(margin.initial_components["oracle"].sum()),
        "depeg_im": -float(margin.initial_components["peg"].sum()),
    }


def _compare(case: dict[str, Any], figures: dict[str, float]) -> list[Comparison]:
    """Every figure that is published; those in whole dollars were cut towards zero."""
    compared = []
    for name, found in figures.items():
        if name in case["expected"]:
            compared.append(_close(case, name, found, case["expected"][name]))
        whole = f"{name}_truncated_to_dollar"
        if whole in case["expected"]:
            # a figure of a whole dollar must not fall to the next by its last digits
            dollars = float(np.trunc(np.round(found, 6)))
            compared.append(
                Comparison(str(case["id"]), whole, float(case["expected"][whole]), dollars, 0.0)
            )
    return compared


def _close(case: dict[str, Any], figure: str, found: float, expected: float) -> Comparison:
    tolerance = _TOLERANCE * max(1.0, abs(expected))
    return Comparison(str(case["id"]), figure, float(expected), found, tolerance)


def _padded(values: Any, rows: int, fill: float) -> np.ndarray:
    array = np.asarray(values)
    return np.append(array, np.full(rows - array.size, fill, array.dtype))


def _stack(trees: list[Any]) -> Any:
    """Trees of one shape as one, with a first axis over them."""
    import jax

    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)

"""Answers of Deribit's margin simulation for futures, computed here and compared."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import is_number, nearest
from jaxmargin.jobs._comparison import Comparison
from jaxmargin.jobs._conform_deribit_inputs import DeribitCase, deribit_case

if TYPE_CHECKING:
    from jaxmargin.margin.venues import DeribitMargin, DeribitParameters

__all__ = ["conform_deribit"]

_TOLERANCE = 1e-9  # coins, to which the venue rounds; relative above one coin
_COLUMNS = 3  # of volatility in the standard table
_GIVEN = ("spot_margin", "mmp_margin", "open_orders_margin")
_ZERO = ("delta_shock", "correlation_contingency")


def conform_deribit(document: dict[str, Any]) -> list[Comparison]:
    """Vectors and margins of every case, each to 1e-9 coins.

    Spot, market maker protection and open orders margins have no rule here: they are read from
    what is expected, as parts of initial margin. Delta shock and correlation contingency have no
    established formula: zero is expected, of the first up to its threshold.

    Raises:
        InvalidInputError: if a case has options or linear contracts, a delta above the threshold
            of the delta shock, or something that is missing or wrong.
    """
    import jax

    for case in document["cases"]:
        for key, kind in (("positions", list), ("model_params", Mapping), ("expected", Mapping)):
            require(
                isinstance(case[key], kind) and (kind is list or bool(case[key])),
                f"{case['id']}, {key}: not a {'list' if kind is list else 'table'}, or empty. "
                "Write it as Deribit's answer has it.",
            )
    most = max([1, *(len(case["positions"]) for case in document["cases"])])
    program, compared = jax.jit(_margin), []
    for case in document["cases"]:
        inputs = deribit_case(case, most)
        given = np.array([_number(case, key, case["expected"].get(key, 0.0)) for key in _GIVEN])
        standard, extended, margin = program(
            inputs.size, inputs.years, np.asarray(inputs.index_price), inputs.parameters, given
        )
        threshold = float(inputs.parameters.delta_threshold)
        require(
            float(margin.delta_excess) == 0.0,
            f"{case['id']}: the delta is {float(margin.delta_excess) + threshold:,.0f} USD. Above "
            f"{threshold:,.0f} the venue adds a delta shock, whose formula is not established. "
            "Give a case below it.",
        )
        found = _figures(inputs, np.asarray(standard), np.asarray(extended), margin)
        compared += _compare(case, found)
    return compared


def _margin(
    size: Any, years: Any, index: Any, parameters: "DeribitParameters", given: Any
) -> tuple[Any, Any, "DeribitMargin"]:
    from jaxmargin.margin.venues import deribit_future_vectors, deribit_margin

    standard, extended = deribit_future_vectors(size, parameters)
    spot, protection, orders = given
    margin = deribit_margin(
        standard,
        extended,
        delta=size,
        years=years,
        index=index,
        parameters=parameters,
        spot=spot,
        market_maker_protection=protection,
        open_orders=orders,
    )
    return standard, extended, margin


def _figures(
    inputs: DeribitCase, standard: np.ndarray, extended: np.ndarray, margin: "DeribitMargin"
) -> dict[tuple[str, ...], np.ndarray]:
    """Figures by the path of their keys in what a case expects."""
    total = np.asarray(margin.standard)
    found: dict[tuple[str, ...], Any] = {
        ("aggregated_standard",): total,
        ("aggregated_standard_by_bucket",): total[::_COLUMNS],
        ("aggregated_extended",): np.asarray(margin.extended),
        ("worst_case",): margin.worst_case,
        ("roll_shock",): margin.roll_shock,
        ("risk_matrix_margin",): margin.risk_matrix,
        ("initial_margin",): margin.initial,
        ("maintenance_margin",): margin.maintenance,
        **{(key,): 0.0 for key in _ZERO},
    }
    for row, instrument in enumerate(inputs.instruments):
        found["initial_risk_vectors", instrument, "standard"] = standard[row]
        found["initial_risk_vectors", instrument, "standard_by_bucket"] = standard[row, ::_COLUMNS]
        found["initial_risk_vectors", instrument, "extended"] = extended[row]
    return {path: np.atleast_1d(np.asarray(figure, float)) for path, figure in found.items()}


def _compare(
    case: Mapping[str, Any], found: Mapping[tuple[str, ...], np.ndarray]
) -> list[Comparison]:
    compared = []
    for path, expected in _leaves(case["expected"]):
        if path[0] in _GIVEN:
            continue
        words = ", ".join(path)
        if path not in found:
            known = [", ".join(each) for each in found]
            raise InvalidInputError(
                f"{case['id']}, expected: unknown quantity {words!r}{nearest(words, known)}. "
                f"The quantities are {'; '.join([*known, *_GIVEN])}."
            )
        values = expected if isinstance(expected, list) else [expected]
        require(
            len(values) == found[path].size,
            f"{case['id']}, {words}: {len(values)} numbers. The settings of the case give "
            f"{found[path].size}.",
        )
        for each, figure in zip(values, found[path], strict=True):
            value = _number(case, words, each)
            tolerance = _TOLERANCE * max(1.0, abs(value))
            compared.append(Comparison(case["id"], words, value, float(figure), tolerance))
    return compared


def _leaves(expected: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Numbers and lists of nested tables, each with the keys that lead to it."""
    if not isinstance(expected, Mapping):
        return [(path, expected)]
    return [leaf for key, inner in expected.items() for leaf in _leaves(inner, (*path, key))]


def _number(case: Mapping[str, Any], key: str, value: Any) -> float:
    require(
        is_number(value), f"{case['id']}, {key}: {value!r} is not a number. Give a finite number."
    )
    return float(value)

"""R13, R14 and R16: collateral in few hands, collateral that falls with its owner, defaults."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from jaxmargin.checks._conclude import conclude, worst
from jaxmargin.checks._result import CheckResult, Citation, Comparison, Number, Rule
from jaxmargin.errors import require

__all__ = ["check_concentration", "check_defaults", "check_wrong_way"]

_COVERS = ("largest", "largest-or-second-and-third", "two-largest")


def check_concentration(
    guaranteed: Mapping[str, Number] | None,
    collateral_total: Number | None,
    bank_guarantees: Number | None,
    *,
    most_share: Number,
    most_share_with_guarantees: Number | None = None,
    guarantees_above: Number | None = None,
    citation: Citation,
) -> CheckResult:
    """R13: no institution or group guarantees more than a share of all collateral.

    Args:
        guaranteed: collateral by who guarantees it, in money.
        collateral_total: all collateral.
        bank_guarantees: that part of it which is guarantees of banks; only needed with
            `guarantees_above`.
        most_share: largest share of one.
        most_share_with_guarantees: instead, where the share of bank guarantees is above
            `guarantees_above`.
        guarantees_above: see there.
        citation: of the limits.

    Raises:
        InvalidInputError: one of the last two limits is given without the other.
    """
    require(
        (guarantees_above is None) == (most_share_with_guarantees is None),
        "R13: give both most_share_with_guarantees and guarantees_above, or neither.",
    )
    inputs: dict[str, object] = {"guaranteed": guaranteed, "collateral_total": collateral_total}
    if guarantees_above is not None:
        inputs["bank_guarantees"] = bank_guarantees

    def compare() -> tuple[list[Comparison], str]:
        assert guaranteed is not None and collateral_total is not None
        require(
            all(value >= 0.0 for value in guaranteed.values()),
            "R13: what is guaranteed must not be negative.",
        )
        if not guaranteed or collateral_total == 0.0:
            return [], "no collateral"
        require(collateral_total > 0.0, "R13: collateral_total must not be negative.")
        name, value = worst(guaranteed, Rule.AT_MOST)
        limit = float(most_share)
        if guarantees_above is not None and most_share_with_guarantees is not None:
            assert bank_guarantees is not None
            if bank_guarantees / collateral_total > guarantees_above:
                limit = float(most_share_with_guarantees)
        return [
            Comparison("share", value / collateral_total, limit, Rule.AT_MOST)
        ], f"largest: {name}"

    limits = {
        "most_share": most_share,
        "most_share_with_guarantees": most_share_with_guarantees,
        "guarantees_above": guarantees_above,
    }
    return conclude("R13", citation, inputs, limits, compare)


def check_wrong_way(
    wrong_way_value: Mapping[str, Number] | None,
    wrong_way_charge: Mapping[str, Number] | None,
    *,
    least_charge: Number,
    citation: Citation,
) -> CheckResult:
    """R14: nothing counts that falls when its owner fails, or it is charged for.

    Args:
        wrong_way_value: what wrong-way collateral or positions count for, in money, by name;
            empty if there are none.
        wrong_way_charge: extra charge, by the same names; none for a name left out.
        least_charge: smallest charge, as a share of the value.
        citation: of the limit.
    """

    def compare() -> tuple[list[Comparison], str]:
        assert wrong_way_value is not None and wrong_way_charge is not None
        require(
            set(wrong_way_charge) <= set(wrong_way_value),
            "R14: there are charges for names that have no value.",
        )
        require(
            all(value >= 0.0 for value in wrong_way_value.values()),
            "R14: values must not be negative.",
        )
        short = {
            name: value * least_charge - wrong_way_charge.get(name, 0.0)
            for name, value in wrong_way_value.items()
        }
        if not short:
            return [Comparison("uncharged", 0.0, 0.0, Rule.AT_MOST)], "the list is empty"
        name, value = worst(short, Rule.AT_MOST)
        return [Comparison("uncharged", value, 0.0, Rule.AT_MOST)], f"largest: {name}"

    inputs = {"wrong_way_value": wrong_way_value, "wrong_way_charge": wrong_way_charge}
    return conclude("R14", citation, inputs, {"least_charge": least_charge}, compare)


def check_defaults(
    stress_losses: Float[np.ndarray, "scenario member"] | None,
    resources: Number | None,
    *,
    cover: str,
    citation: Citation,
) -> CheckResult:
    """R16: resources cover the losses of defaults in every stress.

    Losses beyond a member's own margin; a gain covers nobody else's loss.

    Args:
        stress_losses: loss positive, in money.
        resources: that stand against them.
        cover: `largest`; `largest-or-second-and-third`, whichever is more; or `two-largest`.
        citation: of the rule.

    Raises:
        InvalidInputError: `cover` is none of them.
    """
    require(cover in _COVERS, f"R16: cover must be one of {', '.join(_COVERS)}; got {cover!r}.")

    def compare() -> tuple[list[Comparison], str]:
        assert stress_losses is not None and resources is not None
        if not stress_losses.size:
            return [], "no stress or no member"
        worst_first = -np.sort(-np.maximum(stress_losses, 0.0), axis=1)
        largest = worst_first[:, 0]
        if cover == "two-largest":
            needed = worst_first[:, :2].sum(axis=1)
        elif cover == "largest":
            needed = largest
        else:
            needed = np.maximum(largest, worst_first[:, 1:3].sum(axis=1))
        row = int(np.argmax(needed))
        note = f"{cover}, worst in stress [{row}]"
        return [Comparison("loss", float(needed[row]), float(resources), Rule.AT_MOST)], note

    inputs = {"stress_losses": stress_losses, "resources": resources}
    return conclude("R16", citation, inputs, {"cover": cover}, compare)

"""How a margin moves with the parameters of its model, one at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from jaxmargin.errors import require

__all__ = ["MarginSensitivity", "margin_sensitivity"]


class MarginSensitivity(eqx.Module):
    """One row for each setting tried, in the order given.

    Attributes:
        parameter: which was changed.
        value: to what.
        margin: with it, in money.
        base: margin with no parameter changed.
    """

    parameter: tuple[str, ...] = eqx.field(static=True)
    value: tuple[Any, ...] = eqx.field(static=True)
    margin: Float[np.ndarray, "setting account"]
    base: Float[np.ndarray, " account"]

    def change(self) -> Float[np.ndarray, "setting account"]:
        """Relative change against the base, 0.1 for ten percent more; NaN where that is zero."""
        some = self.base > 0.0
        ratio = self.margin / np.where(some, self.base, 1.0)[None, :]
        return np.where(some[None, :], ratio - 1.0, np.nan)

    def range(self) -> dict[str, tuple[float, float]]:
        """Least and greatest total margin over the base total, less one, by parameter."""
        total, found = float(self.base.sum()), {}
        for name in dict.fromkeys(self.parameter):
            rows = [row for row, other in enumerate(self.parameter) if other == name]
            change = self.margin[rows].sum(axis=1) / total - 1.0 if total > 0.0 else [np.nan]
            found[name] = (float(np.min(change)), float(np.max(change)))
        return found


def margin_sensitivity(
    margin: Callable[..., Any],
    base: Mapping[str, Any],
    settings: Mapping[str, Sequence[Any]],
) -> MarginSensitivity:
    """Margins with each parameter set to each of its values, the others as in the base.

    Levels, lookbacks and breaks of correlation are parameters like any other: whatever `margin`
    takes.

    Args:
        margin: called with every parameter by name; the margin of each account, or one number.
        base: every parameter.
        settings: values to try, by parameter.

    Raises:
        InvalidInputError: a parameter is not of the base, nothing is tried, or a margin is not
            finite, which it names.

    References:
        Delegated Regulation (EU) No 153/2013, chapter XII: sensitivity tests over a wide range of
        parameters, several levels and breaks of correlation.
    """
    unknown = sorted(set(settings) - set(base))
    require(not unknown, f"margin_sensitivity: base lacks {', '.join(unknown)}.")
    tried = [(name, value) for name, values in settings.items() for value in values]
    require(bool(tried), "margin_sensitivity: settings are empty. Give values to try.")

    def of(changes: dict[str, Any], said: str) -> np.ndarray:
        found = np.atleast_1d(np.asarray(margin(**{**base, **changes}), np.float64))
        require(bool(np.isfinite(found).all()), f"margin_sensitivity: no finite margin at {said}.")
        return found

    first = of({}, "the base")
    rows = [of({name: value}, f"{name} = {value!r}") for name, value in tried]
    return MarginSensitivity(
        tuple(name for name, _ in tried), tuple(value for _, value in tried), np.stack(rows), first
    )

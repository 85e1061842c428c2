"""Whether products still offset one another under stress, and when correlations break."""

from collections.abc import Callable, Sequence

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxmargin.errors import require

__all__ = ["OffsetReliability", "break_correlation", "offset_reliability"]

Margins = Float[np.ndarray, " account"]


class OffsetReliability(eqx.Module):
    """Margins of products apart and together, in all scenarios and in stressed ones.

    An offset is the share of the standalone margins that the portfolio saves, $1 - P / S$; NaN
    where there is no standalone margin. Negative where the portfolio needs more than its parts.

    Attributes:
        standalone: sum of the margins of the products, in money.
        portfolio: margin of the products together.
        offset: see above.
        stressed_standalone: in stressed scenarios alone.
        stressed_portfolio: in stressed scenarios alone.
        stressed_offset: in stressed scenarios alone.
        kept: stressed offset over offset; NaN where there is no offset.
        breaks: shares of the way to independence, or to joint moves, see `break_correlation`.
        independent_offset: with correlations that far on the way to independence.
        joint_offset: with correlations that far on the way to one, where nothing offsets.
    """

    standalone: Margins
    portfolio: Margins
    offset: Margins
    stressed_standalone: Margins
    stressed_portfolio: Margins
    stressed_offset: Margins
    kept: Margins
    breaks: tuple[float, ...]
    independent_offset: Float[np.ndarray, "account break"]
    joint_offset: Float[np.ndarray, "account break"]


def offset_reliability(
    pnl: Float[Array | np.ndarray, "account product scenario"],
    margin: Callable[[Float[np.ndarray, "*row scenario"]], Float[np.ndarray, "*row"]],
    stressed: Bool[np.ndarray, " scenario"],
    *,
    breaks: Sequence[float] = (0.25, 0.5, 1.0),
) -> OffsetReliability:
    """Offsets of products in all scenarios, in stressed scenarios, and with broken correlation.

    Args:
        pnl: of every product in every scenario, gain positive.
        margin: of each row of P&L, such as a risk measure; for any number of scenarios.
        stressed: scenarios of stress, at least one.
        breaks: see `break_correlation`; in [0, 1].

    Raises:
        InvalidInputError: a P&L is not finite, there is no product, or no scenario is stressed.

    References:
        Delegated Regulation (EU) No 153/2013, articles 27 and 55(3): offsets need a correlation
        that is reliable also in stress, and are tested for it all the time.
    """
    values, mask = np.asarray(pnl, np.float64), np.asarray(stressed)
    require(values.shape[1] > 0, "offset_reliability: there is no product.")
    require(
        bool(np.isfinite(values).all()),
        f"offset_reliability: pnl must be finite; {(~np.isfinite(values)).sum()} values are not.",
    )
    require(bool(mask.any()), "offset_reliability: no scenario is stressed. Mark one at least.")

    def apart_and_together(own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(margin(own), np.float64), np.asarray(margin(own.sum(axis=1)), np.float64)

    parts, portfolio = apart_and_together(values)
    stressed_parts, stressed_portfolio = apart_and_together(values[:, :, mask])
    standalone, stressed_standalone = parts.sum(axis=1), stressed_parts.sum(axis=1)
    offset = _saved(portfolio, standalone)
    stressed_offset = _saved(stressed_portfolio, stressed_standalone)
    correlation = np.stack([_correlation(own) for own in values])

    def broken(joint: bool) -> np.ndarray:
        found = np.full((len(offset), len(breaks)), np.nan)
        for column, share in enumerate(breaks):
            moved = break_correlation(correlation, share, joint=joint)
            found[:, column] = _saved(_together(parts, moved), standalone)
        return found

    return OffsetReliability(
        standalone,
        portfolio,
        offset,
        stressed_standalone,
        stressed_portfolio,
        stressed_offset,
        _share(stressed_offset, offset),
        tuple(breaks),
        broken(joint=False),
        broken(joint=True),
    )


def break_correlation(
    correlation: Float[np.ndarray, "*account product product"], share: float, *, joint: bool
) -> Float[np.ndarray, "*account product product"]:
    r"""Correlations of P&L moved part of the way, $(1 - w) R + w T$; still a correlation matrix.

    Args:
        correlation: $R$, of the P&L of products, signs of positions included.
        share: $w$ in [0, 1].
        joint: $T$ is one everywhere, where nothing offsets; else the identity, independence.

    Raises:
        InvalidInputError: `share` is outside [0, 1].
    """
    require(0.0 <= share <= 1.0, f"break_correlation: share must lie in [0, 1]; got {share!r}.")
    size = correlation.shape[-1]
    return (1.0 - share) * correlation + share * (np.ones((size, size)) if joint else np.eye(size))


def _together(parts: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    r"""$\sqrt{m^\top R\, m}$, exact for margins of elliptical P&L about zero."""
    square = np.einsum("ap,apq,aq->a", parts, correlation, parts)
    return np.sqrt(np.maximum(square, 0.0))


def _correlation(pnl: np.ndarray) -> np.ndarray:
    """Of the rows; zero with a row that does not move."""
    moves = pnl - pnl.mean(axis=1, keepdims=True)
    size = np.sqrt((moves**2).sum(axis=1))
    unit = moves / np.where(size > 0.0, size, 1.0)[:, None]
    found = unit @ unit.T
    np.fill_diagonal(found, 1.0)
    return found


def _saved(portfolio: np.ndarray, standalone: np.ndarray) -> np.ndarray:
    return 1.0 - _share(portfolio, standalone)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    some = whole > 0.0
    return np.where(some, part / np.where(some, whole, 1.0), np.nan)

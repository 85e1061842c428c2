"""Weights of collateral and liabilities on Drift, which depend on size; in its own integers."""

from math import isqrt

from jaxmargin.errors import require

__all__ = ["drift_asset_weight", "drift_liability_weight"]

_WEIGHT = 10_000  # units of a weight
_FACTOR = 1_000_000  # units of the factor of size, and of the two settings
_ROOT = 100_000  # units of the root of the number of coins


def drift_asset_weight(size: int, *, imf_factor: int, weight: int, ceiling: int) -> int:
    r"""Weight of a deposit, smaller for large ones; exact.

    In real numbers $\min(w, c / (1 + \mathrm{imf} \sqrt{s}))$ for $s$ coins; the root and every
    division are rounded down. Left out: the scaling by the deposits of all users together.

    Args:
        size: deposit in 1e-9 coins, whatever the decimals of the token; not negative.
        imf_factor: factor of size in 1e-6; zero for none.
        weight: weight $w$ of a small deposit in 1e-4.
        ceiling: $c$ in 1e-6, a setting of the venue.

    Returns:
        The weight in 1e-4.

    Raises:
        InvalidInputError: if an argument is negative.

    References:
        Drift, protocol-v2, programs/drift/src/math/margin.rs, 2022.
    """
    _check(size=size, imf_factor=imf_factor, weight=weight, ceiling=ceiling)
    if imf_factor == 0:
        return weight
    discounted = ceiling * _WEIGHT
    return min(weight, discounted // (_FACTOR + _root(size) * imf_factor // _ROOT))


def drift_liability_weight(size: int, *, imf_factor: int, weight: int, cut: int) -> int:
    r"""Weight of a borrowing, larger for large ones; exact.

    In real numbers $\max(w, (1 - c) w + \mathrm{imf} \sqrt{s})$ for $s$ coins; $c\,w$, the root
    and every division are rounded down.

    Args:
        size: borrowing in 1e-9 coins, whatever the decimals of the token; not negative.
        imf_factor: factor of size in 1e-6; zero for none.
        weight: weight $w$ of a small borrowing in 1e-4.
        cut: $c$ in 1e-6, a setting of the venue.

    Returns:
        The weight in 1e-4.

    Raises:
        InvalidInputError: if an argument is negative.

    References:
        Drift, protocol-v2, programs/drift/src/math/margin.rs, 2022.
    """
    _check(size=size, imf_factor=imf_factor, weight=weight, cut=cut)
    if imf_factor == 0:
        return weight
    premium = _root(size) * imf_factor // (_ROOT * _FACTOR // _WEIGHT)
    return max(weight, weight - weight * cut // _FACTOR + premium)


def _root(size: int) -> int:
    """Root of the number of coins in 1e-5, rounded down."""
    return isqrt(10 * size + 1)


def _check(**arguments: int) -> None:
    for name, value in arguments.items():
        require(value >= 0, f"{name} must not be negative; got {value}.")

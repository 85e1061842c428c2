"""Margin of one perpetual position on dYdX v4, in its own integers."""

from typing import NamedTuple

from jaxmargin.errors import require

__all__ = ["DydxMargin", "dydx_margin"]

_MILLION = 1_000_000  # ppm
_QUOTE_RESOLUTION = -6  # a quote quantum is 1e-6 USDC, part of the units of the protocol


class DydxMargin(NamedTuple):
    """Margin of a position, in quote quantums (1e-6 USDC), not negative.

    Attributes:
        initial: rounded up, with the scaling by open interest.
        maintenance: rounded up; open interest does not touch it.
        effective_initial_ppm: initial margin as a share of notional, after scaling.
    """

    initial: int
    maintenance: int
    effective_initial_ppm: int


def dydx_margin(
    size: int,
    *,
    price: int,
    price_exponent: int,
    base_atomic_resolution: int,
    initial_margin_ppm: int,
    maintenance_fraction_ppm: int,
    open_interest: int | None = None,
    open_interest_lower_cap: int = 0,
    open_interest_upper_cap: int = 0,
) -> DydxMargin:
    r"""Initial and maintenance margin of one position, exact.

    With notional $N$ in quote quantums, rounded toward zero, and initial margin fraction $f$,

    $$ \mathrm{IM} = \lceil N f_\mathrm{eff} \rceil, \quad
       \mathrm{MM} = \lceil \lceil N f \rceil\, m \rceil, \quad
       f_\mathrm{eff} = f + \Big\lfloor (1 - f)
       \frac{\mathrm{OI} - \mathrm{lower}}{\mathrm{upper} - \mathrm{lower}} \Big\rfloor, $$

    $f_\mathrm{eff}$ kept within [f, 1]. The floor is taken in ppm. Established: all of this,
    against the cases of the chain's own tests. Left out: funding, net collateral, and the sum
    over the positions of a subaccount, which is plain.

    Args:
        size: signed position in base quantums, $10^{r}$ coins each.
        price: integer price; a coin costs `price` times ten to `price_exponent` USDC.
        price_exponent: exponent of the price.
        base_atomic_resolution: $r$.
        initial_margin_ppm: $f$ in millionths, within [0, 1,000,000].
        maintenance_fraction_ppm: $m$ in millionths, within [0, 1,000,000].
        open_interest: of the market, in base quantums; None for no scaling.
        open_interest_lower_cap: notional where scaling starts, in quote quantums.
        open_interest_upper_cap: notional where the initial margin is all of the notional, in
            quote quantums; zero for no scaling.

    Raises:
        InvalidInputError: if a fraction is not within [0, 1,000,000], a price or an open
            interest is negative, or the caps are not in order.

    References:
        dYdX, v4-chain, protocol/x/perpetuals/lib/lib.go and types/liquidity_tier.go, 2024.
    """
    for name, ppm in (
        ("initial_margin_ppm", initial_margin_ppm),
        ("maintenance_fraction_ppm", maintenance_fraction_ppm),
    ):
        require(0 <= ppm <= _MILLION, f"{name} must lie in [0, 1,000,000]; got {ppm}.")
    require(price >= 0, f"price must not be negative; got {price}.")
    require(
        open_interest is None or open_interest >= 0,
        f"open_interest must not be negative; got {open_interest}.",
    )
    require(
        0 <= open_interest_lower_cap <= open_interest_upper_cap,
        "open_interest_lower_cap must lie in [0, open_interest_upper_cap]; got "
        f"{open_interest_lower_cap} and {open_interest_upper_cap}.",
    )
    exponent = price_exponent + base_atomic_resolution - _QUOTE_RESOLUTION
    notional = _scale(abs(size) * price, exponent)
    effective = initial_margin_ppm
    if open_interest is not None and open_interest_upper_cap > 0:
        above = _scale(open_interest * price, exponent) - open_interest_lower_cap
        width = open_interest_upper_cap - open_interest_lower_cap
        if above >= width:
            effective = _MILLION
        elif above > 0:
            effective += (_MILLION - initial_margin_ppm) * above // width
    return DydxMargin(
        initial=_share(notional, effective),
        maintenance=_share(_share(notional, initial_margin_ppm), maintenance_fraction_ppm),
        effective_initial_ppm=effective,
    )


def _scale(value: int, exponent: int) -> int:
    """A value that is not negative, times ten to `exponent`, rounded down."""
    return value * 10**exponent if exponent >= 0 else value // 10**-exponent


def _share(value: int, ppm: int) -> int:
    """`ppm` millionths of `value`, rounded up."""
    return -(-value * ppm // _MILLION)

"""Least margins by class of client: caps on leverage and floors on the share of notional."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

__all__ = ["LeverageLimits", "least_margins"]


class LeverageLimits(eqx.Module):
    """What a class of clients must post at least, whatever the risk.

    Attributes:
        most_leverage: largest notional over equity; positive, infinite for no cap.
        least_share: smallest initial margin as a share of notional; zero for no floor.
        close_out: smallest maintenance margin as a share of the least initial margin, in [0, 1]:
            positions are closed when equity falls below it.
    """

    most_leverage: Float[Array, "client_class asset_class"]
    least_share: Float[Array, "client_class asset_class"]
    close_out: Float[Array, " client_class"]


def least_margins(
    limits: LeverageLimits,
    notional: Float[Array, "account asset_class"],
    client_class: Int[Array, " account"],
) -> tuple[Float[Array, " account"], Float[Array, " account"]]:
    r"""Least initial and maintenance margin of every account.

    $$ I = \sum_c |N_c| \max\Big( \frac{1}{\ell_c},\ s_c \Big), \qquad M = q\, I, $$

    with $N_c$ the notional in an asset class, $\ell_c$ the cap on leverage, $s_c$ the floor and $q$
    the share at which positions are closed. An account is within its leverage while its equity is
    at least $I$. Differentiable except at a notional of zero.

    Args:
        limits: of every class of clients.
        notional: gross, in the numeraire; the sign does not count. Where it is not finite, the
            margins are infinite.
        client_class: row of `limits`; an account of no known class has the strictest of each.
    """
    share = jnp.maximum(1.0 / limits.most_leverage, limits.least_share)
    classes = share.shape[0]
    known = (client_class >= 0) & (client_class < classes)
    row = jnp.where(known, client_class, 0)
    of_account = jnp.where(known[:, None], share[row], jnp.max(share, axis=0)[None, :])
    close_out = jnp.where(known, limits.close_out[row], jnp.max(limits.close_out))
    finite = jnp.isfinite(notional)
    initial = jnp.sum(of_account * jnp.abs(jnp.where(finite, notional, 0.0)), axis=-1)
    whole = jnp.all(finite, axis=-1)
    return jnp.where(whole, initial, jnp.inf), jnp.where(whole, close_out * initial, jnp.inf)

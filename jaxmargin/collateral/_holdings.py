"""What is posted."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

__all__ = ["Holdings", "wrong_way"]


class Holdings(eqx.Module):
    """Assets posted as collateral, one row per account.

    An account is whoever has a requirement to cover: a customer, or one's own account at a venue.
    A debt is no collateral but a position of the book, in `Spot` contracts.

    Attributes:
        quantity: units of each asset, a row of `Market.spot`; not negative.
    """

    quantity: Float[Array, "account asset"]

    def value(self, price: Float[Array, " asset"]) -> Float[Array, "account asset"]:
        """Market value in the numeraire, before any haircut."""
        return self.quantity * price[None, :]

    def only(self, eligible: Bool[Array, "#account asset"]) -> "Holdings":
        """The part that is eligible; the rest counts for nothing."""
        return Holdings(jnp.where(eligible, self.quantity, 0.0))


def wrong_way(
    issuer: Int[Array, " asset"], exposed: Bool[Array, "account issuer"]
) -> Bool[Array, "account asset"]:
    """Whether an asset is specific wrong-way collateral: it fails together with what it covers.

    Such collateral has no value (CPSS-IOSCO 2012, Principles for financial market
    infrastructures, principle 5; Regulation (EU) 153/2013, article 41). Name in `exposed` the
    account's own group, and the issuers of what it owes: with a short put on a token, the token's.

    Args:
        issuer: who stands behind each asset, as a column of `exposed`; -1 for nobody, as for BTC.
        exposed: whether each account would default with, or owes more upon the failure of, each
            issuer.
    """
    issued = issuer >= 0
    return exposed[:, jnp.where(issued, issuer, 0)] & issued[None, :]

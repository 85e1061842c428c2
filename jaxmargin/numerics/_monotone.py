"""Monotone cubic interpolation, one curve per row."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

__all__ = ["interpolate_rows_monotone", "monotone_slopes"]


def monotone_slopes(
    nodes: Float[Array, "row node"], values: Float[Array, "row node"]
) -> Float[Array, "row node"]:
    """Slopes at the nodes for which the cubic through them rises and falls only as the data do.

    Within a row: the weighted harmonic mean of the slopes on both sides, zero where they differ in
    sign. At its ends: the slope of the parabola through three nodes, held to the sign of the
    interval at the end and to three times its slope. Nodes must not descend; repeated nodes at
    the end of a row are padding.

    References:
        Fritsch, F. and Butland, J. (1984), "A method for constructing local monotone piecewise
        cubic interpolants", SIAM Journal on Scientific and Statistical Computing 5, 300-304: the
        mean within. The ends are those of `scipy.interpolate.PchipInterpolator`.
    """
    if nodes.shape[1] == 1:
        return jnp.zeros_like(values)
    width = jnp.diff(nodes)
    real = width > 0.0
    chord = jnp.where(real, jnp.diff(values) / jnp.where(real, width, 1.0), 0.0)

    def beside(x: Float[Array, "row interval"], shift: int) -> Float[Array, "row node"]:
        """`x` of the interval that lies `shift` to the right of the one that ends at each node."""
        padded = jnp.pad(x, ((0, 0), (2, 2)))
        return padded[:, 1 + shift : 1 + shift + nodes.shape[1]]

    h0, h1, h2, h3 = (beside(width, shift) for shift in (-1, 0, 1, 2))
    s0, s1, s2, s3 = (beside(chord, shift) for shift in (-1, 0, 1, 2))
    starts, ends = h1 == 0.0, h2 == 0.0  # no interval before, or none after
    within = _harmonic_mean(h1, h2, s1, s2)
    return jnp.where(
        starts, _end_slope(h2, h3, s2, s3), jnp.where(ends, _end_slope(h1, h0, s1, s0), within)
    )


def _harmonic_mean(
    left_width: Float[Array, "row node"],
    right_width: Float[Array, "row node"],
    left: Float[Array, "row node"],
    right: Float[Array, "row node"],
) -> Float[Array, "row node"]:
    agree = left * right > 0.0
    left, right = jnp.where(agree, left, 1.0), jnp.where(agree, right, 1.0)
    left_weight = left_width + 2.0 * right_width
    right_weight = 2.0 * left_width + right_width
    total = jnp.where(agree, left_weight + right_weight, 1.0)
    inverse = jnp.where(agree, left_weight / left + right_weight / right, 1.0)
    return jnp.where(agree, total / inverse, 0.0)


def _end_slope(
    width: Float[Array, "row node"],
    next_width: Float[Array, "row node"],
    chord: Float[Array, "row node"],
    next_chord: Float[Array, "row node"],
) -> Float[Array, "row node"]:
    """Slope at the outer end of `width`; that of the chord where there is no next interval."""
    parabola = next_width > 0.0
    total = jnp.where(parabola, width + next_width, 1.0)
    slope = chord + jnp.where(parabola, width * (chord - next_chord) / total, 0.0)
    slope = jnp.where(slope * chord > 0.0, slope, 0.0)
    steep = (chord * next_chord < 0.0) & (jnp.abs(slope) > 3.0 * jnp.abs(chord))
    return jnp.where(steep, 3.0 * chord, slope)


def interpolate_rows_monotone(
    x: Float[Array, " row"],
    nodes: Float[Array, "row node"],
    values: Float[Array, "row node"],
    slopes: Float[Array, "row node"],
) -> Float[Array, " row"]:
    """Cubic between the nodes with the given `slopes` at them, constant beyond first and last."""
    position = jnp.sum(nodes <= x[:, None], axis=-1)  # nodes at or below x
    left = jnp.clip(position - 1, 0, nodes.shape[1] - 1)[:, None]
    right = jnp.clip(position, 0, nodes.shape[1] - 1)[:, None]

    def pick(of: Float[Array, "row node"], side: Int[Array, "row 1"]) -> Float[Array, " row"]:
        return jnp.take_along_axis(of, side, axis=1)[:, 0]

    x0, x1 = pick(nodes, left), pick(nodes, right)
    width = x1 - x0
    between = width > 0.0
    share = jnp.where(between, (x - x0) / jnp.where(between, width, 1.0), 0.0)
    share = jnp.clip(share, 0.0, 1.0)
    rest = 1.0 - share
    return (
        pick(values, left) * (1.0 + 2.0 * share) * rest * rest
        + pick(values, right) * (1.0 + 2.0 * rest) * share * share
        + width * share * rest * (pick(slopes, left) * rest - pick(slopes, right) * share)
    )

"""Derivatives against central differences, one coordinate at a time."""

import jax
import jax.numpy as jnp
import numpy as np


def assert_jacobians_are_central_differences(function, *arguments, step=1e-6, rtol=1e-6, atol=1e-7):
    """Every entry of every Jacobian of `function`, in double precision.

    The step is relative to each coordinate, absolute for those below 1e-3.
    """
    arguments = [jnp.asarray(x, jnp.float64) for x in arguments]
    function, every = jax.jit(function), tuple(range(len(arguments)))
    forwards = jax.jit(jax.jacfwd(function, argnums=every))(*arguments)
    reverses = jax.jit(jax.jacrev(function, argnums=every))(*arguments)
    for index, argument in enumerate(arguments):
        for place in np.ndindex(argument.shape):
            h = step * max(abs(float(argument[place])), 1e-3)
            up, down = (
                function(*arguments[:index], argument.at[place].add(move), *arguments[index + 1 :])
                for move in (h, -h)
            )
            expected = (up - down) / (2.0 * h)
            for found in (forwards[index], reverses[index]):
                np.testing.assert_allclose(
                    found[(..., *place)], expected, rtol=rtol, atol=atol, err_msg=f"{index} {place}"
                )

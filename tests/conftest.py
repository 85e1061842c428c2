"""Strict numeric settings for every test, chosen before anything is computed."""

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

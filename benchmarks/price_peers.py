"""The peers of `price_options.py`: the same P&L by NumPy, numba, torch, TensorFlow and QuantLib.

Each builder takes a `Case` and a dtype, converts the arrays to its own type, and returns a call
without arguments. All compute what the options of one expiry share once per scenario, as jaxmargin
does, and then price option by option; tf-quant-finance and QuantLib with formulas of their own.
"""

import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.special import ndtr

EVERY = 20  # QuantLib prices each twentieth option
Call = Callable[[], Any]


class Case(NamedTuple):
    """Inverse options on one asset, and moves of its price and volatility; double precision."""

    spot: float  # USD
    forward: np.ndarray  # by expiry, USD
    years: np.ndarray  # by expiry, to expiry today
    left: np.ndarray  # by expiry, to expiry at the horizon
    carry: np.ndarray  # by expiry, log: what the forward loses until the horizon
    pillar: np.ndarray  # by option: its expiry
    strike: np.ndarray  # by option, USD
    sign: np.ndarray  # by option: 1 is a call, -1 a put
    volatility: np.ndarray  # by option
    spot_move: np.ndarray  # [1, scenario], log
    volatility_move: np.ndarray  # [expiry, scenario], log

    def astype(self, dtype: type[np.floating]) -> "Case":
        """The same with all but the expiries of options in `dtype`."""
        return Case(*(x if x is self.pillar else np.asarray(x, dtype)[()] for x in self))

    def every(self, step: int) -> "Case":
        """The same with each `step`-th option."""
        names = ("pillar", "strike", "sign", "volatility")
        return self._replace(**{name: getattr(self, name)[::step] for name in names})


def _pnl_of(c: Case, coin: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Call:
    """P&L by NumPy from `coin`: prices in coin by forward and total volatility."""
    sigma = c.volatility[:, None]

    def call():
        forward = c.forward[:, None] * np.exp(c.spot_move - c.carry[:, None])
        root = np.exp(c.volatility_move) * np.sqrt(c.left)[:, None]
        today = coin(c.forward[c.pillar, None], sigma * np.sqrt(c.years)[c.pillar, None])
        shocked = coin(forward[c.pillar], sigma * root[c.pillar])
        return (shocked - today) * (c.spot * np.exp(c.spot_move))

    return call


def with_numpy(case: Case, dtype: type[np.floating]) -> Call:
    """NumPy and scipy."""
    c = case.astype(dtype)
    strike, sign = c.strike[:, None], c.sign[:, None]

    def coin(forward, total):
        d1 = np.log(forward / strike) / total + total / 2
        return sign * (ndtr(sign * d1) - strike / forward * ndtr(sign * (d1 - total)))

    return _pnl_of(c, coin)


def with_numba(case: Case, dtype: type[np.floating]) -> Call:
    """A compiled loop over options, on all cores; shares the log-returns too, which pays here."""
    import numba

    half, root_half = dtype(0.5), dtype(math.sqrt(0.5))  # of `dtype`: floats would widen float32

    @numba.njit(fastmath=True)
    def coin(sign, log_moneyness, ratio, total):
        d1 = log_moneyness / total + half * total
        upper = half * math.erfc(-sign * d1 * root_half)
        lower = half * math.erfc(-sign * (d1 - total) * root_half)
        return sign * (upper - ratio * lower)

    @numba.njit(parallel=True, fastmath=True)
    def loop(
        spot, forward, years, left, carry, pillar, strike, sign, sigma, spot_move, volatility_move
    ):
        growth, shrink = np.empty_like(volatility_move), np.empty_like(volatility_move)
        root = np.empty_like(volatility_move)
        for p in numba.prange(forward.size):
            for s in range(growth.shape[1]):
                growth[p, s] = spot_move[0, s] - carry[p]
                shrink[p, s] = math.exp(-growth[p, s])
                root[p, s] = math.exp(volatility_move[p, s]) * math.sqrt(left[p])
        price = spot * np.exp(spot_move[0])
        out = np.empty((strike.size, price.size), growth.dtype)
        for i in numba.prange(strike.size):
            p, z, vol, ratio = pillar[i], sign[i], sigma[i], strike[i] / forward[pillar[i]]
            log_moneyness = -math.log(ratio)
            today = coin(z, log_moneyness, ratio, vol * math.sqrt(years[p]))
            for s in range(price.size):
                moneyness, total = log_moneyness + growth[p, s], vol * root[p, s]
                shocked = coin(z, moneyness, ratio * shrink[p, s], total)
                out[i, s] = (shocked - today) * price[s]
        return out

    arguments = tuple(case.astype(dtype))
    return lambda: loop(*arguments)


def with_torch(case: Case, dtype: type[np.floating]) -> Call:
    """Torch, eager, on the kind of device that JAX computes on."""
    import torch

    device = "cpu" if jax.default_backend() == "cpu" else "cuda"
    c = Case(*(torch.as_tensor(x, device=device) for x in case.astype(dtype)))
    pillar = c.pillar.long()
    strike, sign, sigma = c.strike[:, None], c.sign[:, None], c.volatility[:, None]

    def coin(forward, total):
        d1 = torch.log(forward / strike) / total + total / 2
        upper, lower = torch.special.ndtr(sign * d1), torch.special.ndtr(sign * (d1 - total))
        return sign * (upper - strike / forward * lower)

    @torch.inference_mode()
    def call():
        forward = c.forward[:, None] * torch.exp(c.spot_move - c.carry[:, None])
        root = torch.exp(c.volatility_move) * torch.sqrt(c.left)[:, None]
        today = coin(c.forward[pillar, None], sigma * torch.sqrt(c.years)[pillar, None])
        shocked = coin(forward[pillar], sigma * root[pillar])
        pnl = (shocked - today) * (c.spot * torch.exp(c.spot_move))
        if device == "cuda":
            torch.cuda.synchronize()
        return pnl

    return call


def with_tf_quant_finance(case: Case, dtype: type[np.floating]) -> Call:
    """`black_scholes.option_price` within one `tf.function(jit_compile=True)`."""
    import tensorflow as tf
    from tf_quant_finance.black_scholes import option_price

    arguments = Case(*(tf.constant(x) for x in case.astype(dtype)))

    @tf.function(jit_compile=True)
    def pnl(*arrays):
        c = Case(*arrays)

        def coin(volatility, years, forward):
            price = option_price(
                volatilities=volatility,
                strikes=c.strike[:, None],
                expiries=tf.gather(years, c.pillar)[:, None],
                forwards=forward,
                is_call_options=c.sign[:, None] > 0,
            )
            return price / forward

        sigma = c.volatility[:, None]
        forward = c.forward[:, None] * tf.exp(c.spot_move - c.carry[:, None])
        moved = sigma * tf.gather(tf.exp(c.volatility_move), c.pillar)
        today = coin(sigma, c.years, tf.gather(c.forward, c.pillar)[:, None])
        shocked = coin(moved, c.left, tf.gather(forward, c.pillar))
        return (shocked - today) * (c.spot * tf.exp(c.spot_move))

    return lambda: memoryview(pnl(*arguments))  # of the finished numbers, not copied


def with_quantlib(case: Case, dtype: type[np.floating]) -> Call:
    """`blackFormula` price by price for each twentieth option; the rest of the sum in NumPy."""
    import QuantLib as ql

    c = case.every(EVERY).astype(dtype)
    kinds = [ql.Option.Call if sign > 0 else ql.Option.Put for sign in c.sign]
    strikes = c.strike.tolist()

    def coin(forward, total):
        rows = zip(kinds, strikes, forward.tolist(), total.tolist(), strict=True)
        prices = [
            [ql.blackFormula(kind, strike, f, t) for f, t in zip(fs, ts, strict=True)]
            for kind, strike, fs, ts in rows
        ]
        return np.array(prices) / forward

    return _pnl_of(c, coin)


PEERS = {  # name: module, builder, dtype
    "numba_f64": ("numba", with_numba, np.float64),
    "numba_f32": ("numba", with_numba, np.float32),
    "torch_f64": ("torch", with_torch, np.float64),
    "torch_f32": ("torch", with_torch, np.float32),
    "tf_quant_finance_f64": ("tf_quant_finance", with_tf_quant_finance, np.float64),
    "tf_quant_finance_f32": ("tf_quant_finance", with_tf_quant_finance, np.float32),
    "quantlib_f64": ("QuantLib", with_quantlib, np.float64),
}


def build_peers(case: Case) -> tuple[dict[str, Call], dict[str, str]]:
    """The call of each peer whose package imports, and why each other one does not run."""
    calls, not_run = {}, {}
    for name, (module, build, dtype) in PEERS.items():
        try:
            importlib.import_module(module)
        except Exception as error:  # a package may fail in any way of its own
            not_run[name] = f"import {module}: {type(error).__name__}: {error}".splitlines()[0]
        else:
            calls[name] = build(case, dtype)
    return calls, not_run

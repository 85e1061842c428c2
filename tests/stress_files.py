"""Stress files for tests: one scenario, and one of two steps."""

TEXT = """
title = "Sudden fall"
name = "sudden-fall"
kind = "historical"
date = 2020-03-12
days = 2
description = "Prices fall."
default_beta = 1.2
volatility_power = 0.5
assumed = ["volatility"]

[[source]]
figure = "spot"
origin = "chosen"

[spot]
BTC = -0.2
ETH = -0.3

[volatility]
BTC = 0.4

[basis]
BTC = -0.15

[perpetual]
BTC = -0.02
ETH = -0.03

[funding]
BTC = -1.0

[depeg]
USDC = -0.1
STETH = -0.05
"""
STEPS = """
title = "Crash and recovery"
name = "crash"
kind = "hypothetical"
days = 1
description = "Down and up."
default_beta = 1.5

[[source]]
figure = "all"
origin = "chosen"

[[step]]
name = "low"
days = 0.5
[step.spot]
BTC = -0.3
[step.liquidity]
depth = 0.1

[[step]]
name = "recovery"
volatility_power = 1
[step.spot]
BTC = -0.1
"""

"""A set of safeguards in pieces: a job's file is `HEAD` and what a test needs of the rest."""

HEAD = """
title = "Safeguards of a test"
date = 2026-01-01
assumed = ["all"]

[[source]]
figure = "all"
origin = "chosen"
"""
STEP = """
[step]
rise = 0.5
fall = 0.25
"""
LOOKBACK_FLOOR = """
[tools.lookback_floor]
"""
STRESS_BUFFER = """
[tools.stress_buffer]
share = 0.25
significant_rise = 0.1
rebuild = 0.01
"""
RETAIL = """
[leverage.retail]
coins = 20

[close_out]
retail = 0.5
"""
MOST_OFFSET = """
[most_offset]
default = 0.8
"""
BANDS = """
[bands]
auction = 0.05
reject = 0.2
"""

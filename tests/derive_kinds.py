"""Derive's rulebooks on the made-up market of `kinds.py`: the settings as traded, with two changes.

Both powers of the scaling by tenor are one, since a pillar of that market lies at the 30 days where
they change, and a gradient would have a kink there. Staked ETH is collateral.
"""

from jaxmargin.io import Problems, build_derive_rulebook, read_rulebook_file, rulebook_library

ASSETS = ["BTC", "ETH", "STETH", "USDC", "USD"]


def derive_rulebook(kind, name="mainnet"):
    """A rule of Derive on the five assets."""
    problems = Problems()
    settings = read_rulebook_file(rulebook_library()[kind], problems).sets[name]
    coins = settings.content["assets"]
    if kind == "derive-standard":
        coins["STETH"] = {"base": {"factor": 0.65, "initial_scale": 0.77}}
    else:
        settings.content["parameters"]["volatility"]["long_power"] = 0.3
    if kind == "derive-pmrm2":
        coins["STETH"] = {
            "cancelling": True,
            "own": {"maintenance": 0.05, "initial": 0.01},
            "other": {"maintenance": 0.25, "initial": 0.1},
        }
    rule = build_derive_rulebook(kind, settings, ASSETS, {"BTC", "ETH"}, problems)
    problems.raise_if_any()
    return rule


DERIVE_RULEBOOKS = [
    derive_rulebook(kind) for kind in ("derive-pmrm1", "derive-pmrm2", "derive-standard")
]

"""Published cases of Derive as a book, a market and a rulebook; all of a document of one shape.

Each market of a case is an asset, then come coins posted, the stablecoin in which cash is kept, and
the numeraire in which contracts are settled. Account 0 holds all.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmargin.book import Book, PositionBlock, Positions
from jaxmargin.instruments import LinearOptions, LinearPerpetuals, Spot
from jaxmargin.io import Problems, build_derive_parameters, build_derive_scenarios
from jaxmargin.jobs._conform_derive_inputs import (
    fill_standard_market,
    pmrm1_tables,
    pmrm2_tables,
    scenario_rows,
    standard_tables,
)
from jaxmargin.margin.derive import (
    CoinHaircuts,
    DerivePmrm1,
    DerivePmrm2,
    DerivePmrm2Coins,
    DeriveScenarios,
    DeriveStandard,
    OracleConfidence,
)
from jaxmargin.market import Market, QuotedVolatilities

YEAR = 365.0 * 86_400.0
TABLES = {
    "derive-pmrm1": pmrm1_tables, "derive-pmrm2": pmrm2_tables, "derive-standard": standard_tables
}  # fmt: skip


def markets_of(case, names):
    """Quotes and book of each market of a case, the same for the three documents."""
    if "markets" in case:
        return [
            fill_standard_market(case, name, first=place == 0) for place, name in enumerate(names)
        ]
    return [(case["market"], case["book"])]


class Cases:
    """The valid cases of a document, padded to one shape."""

    def __init__(self, document):
        self.document = document
        kinds = {"pmrm1": "derive-pmrm1", "pmrm2": "derive-pmrm2", "srm": "derive-standard"}
        self.kind = kinds[document["rulebook"].split(".")[1]]
        self.cases = [case for case in document["cases"] if case.get("valid", True)]
        self.names = list(
            dict.fromkeys(name for case in self.cases for name in case.get("markets", ["COIN"]))
        )
        every = [pair for case in self.cases for pair in markets_of(case, self.names)]
        self.expiries = max(1, *(len(quotes["expiries"]) for quotes, _ in every))
        self.options = max(1, *(len(book["options"]) for _, book in every))
        self.coins = max(len(book.get("collaterals", ())) for _, book in every)
        self.assets = len(self.names) + self.coins + 2

    def rulebook(self, case):
        """The rule with the settings and confidences of a case."""
        settings = build_derive_parameters(
            self.kind,
            TABLES[self.kind](self.document["parameter_sets"][case["parameters"]]),
            case["id"],
            Problems(),
        )
        parameters = jax.tree.map(lambda leaf: jnp.full(self.assets, leaf), settings)
        covered = jnp.arange(self.assets) < len(self.names)
        stable, confidence = jnp.array(self.assets - 2), self._confidence(case)
        if self.kind == "derive-standard":
            return DeriveStandard(parameters, covered, stable, confidence)
        scenarios = self._scenarios(case)
        if self.kind == "derive-pmrm1":
            return DerivePmrm1(parameters, scenarios, covered, stable, confidence)
        posted = case["book"]["collaterals"]
        haircuts = CoinHaircuts(
            self._by_coin([coin["mm_haircut"] for coin in posted], 1.0),
            self._by_coin([coin["im_haircut_extra"] for coin in posted], 0.0),
        )
        cancelling = self._by_coin([coin["risk_cancelling"] for coin in posted], 0.0) > 0.0
        coins = DerivePmrm2Coins(cancelling, haircuts, haircuts)
        return DerivePmrm2(parameters, scenarios, covered, coins, stable, confidence)

    def market(self, case):
        """Quotes of a case; those of options that no row names are padding."""
        pairs, first = markets_of(case, self.names), len(self.names)
        spot = np.ones(self.assets)
        perpetual, base = np.ones(self.assets), np.arange(self.assets)
        for row, (quotes, _) in enumerate(pairs):
            spot[row] = quotes["spot"]
            perpetual[row] = quotes["perp_price"] or quotes["spot"]
        for row, coin in enumerate(pairs[0][1].get("collaterals", ())):
            spot[first + row], base[first + row] = coin["price"], 0
        spot[-2] = pairs[0][0]["stable_price"]
        pillars = len(pairs) * self.expiries
        time, forward = np.ones(pillars), np.full(pillars, 1000.0)
        rate, fixed = np.zeros(pillars), np.zeros(pillars)
        strike = np.tile(np.arange(1.0, self.options + 1.0), (pillars, 1))
        quote = np.ones(strike.shape)
        for place, (quotes, book) in enumerate(pairs):
            for number, expiry in enumerate(quotes["expiries"]):
                row, seconds = place * self.expiries + number, expiry["seconds_to_expiry"]
                time[row], rate[row] = seconds / YEAR, expiry.get("rate", 0.0)
                if "forward" in expiry:
                    forward[row] = expiry["forward"]
                    fixed[row] = 1.0 - min(seconds, 1800.0) / 1800.0
                else:
                    forward[row] = expiry["forward_variable"] + expiry["forward_fixed"]
                    fixed[row] = expiry["forward_fixed"] / forward[row]
                quoted = {
                    o["strike"]: o["vol"]
                    for o in book["options"]
                    if o["seconds_to_expiry"] == seconds
                }
                for node, key in enumerate(sorted(quoted)):
                    strike[row, node:], quote[row, node:] = key, quoted[key]
        return Market(
            spot=jnp.asarray(spot),
            perpetual=jnp.asarray(perpetual),
            base=jnp.asarray(base),
            asset=jnp.repeat(jnp.arange(len(pairs)), self.expiries),
            time=jnp.asarray(time),
            forward=jnp.asarray(forward),
            rate=jnp.asarray(rate),
            fixed=jnp.asarray(fixed),
            surface=QuotedVolatilities(jnp.asarray(strike), jnp.asarray(quote), jnp.ones(pillars)),
        )

    def book(self, case):
        """Options, perpetuals and coins of a case, cash among them."""
        pairs, usd = markets_of(case, self.names), self.assets - 1
        rows = len(pairs) * self.options
        pillar, strike = np.zeros(rows, int), np.full(rows, 1000.0)
        sign, options = np.ones(rows), np.zeros(rows)
        coins = np.zeros(usd)
        for place, (quotes, book) in enumerate(pairs):
            row_of = {}
            for number, expiry in enumerate(quotes["expiries"]):
                row_of.setdefault(expiry["seconds_to_expiry"], place * self.expiries + number)
            for number, option in enumerate(book["options"]):
                row = place * self.options + number
                pillar[row], strike[row] = row_of[option["seconds_to_expiry"]], option["strike"]
                sign[row], options[row] = 1.0 if option["call"] else -1.0, option["amount"]
            coins[place] += book.get("base", 0.0)
            coins[-1] += book["cash"] + book["perp_unrealised_pnl"]
            coins[-1] += book["perp_unrealised_funding"]
            for number, coin in enumerate(book.get("collaterals", ())):
                coins[len(self.names) + number] = coin["amount"]
        perpetuals = [book["perps"] for _, book in pairs]
        batches = (
            LinearOptions(
                pillar=jnp.asarray(pillar), strike=jnp.asarray(strike), sign=jnp.asarray(sign),
                settlement=jnp.full(rows, usd), multiplier=jnp.ones(rows),
            ),
            LinearPerpetuals(
                asset=jnp.arange(len(pairs)), settlement=jnp.full(len(pairs), usd),
                multiplier=jnp.ones(len(pairs)),
            ),
            Spot(
                asset=jnp.arange(usd), settlement=jnp.full(usd, usd), multiplier=jnp.ones(usd)
            ),
        )  # fmt: skip
        quantity = jnp.asarray(np.concatenate([options, perpetuals, coins]))[None, :]
        block = PositionBlock(jnp.arange(quantity.shape[1], dtype=jnp.int32)[None, :], quantity)
        return Book(batches, Positions((block,), jnp.zeros(1, jnp.int32)))

    def _by_coin(self, values, fill):
        row = np.full(self.assets, fill)
        first = len(self.names)
        row[first : first + len(values)] = values
        return jnp.asarray(row)

    def _scenarios(self, case):
        """Padded with scenarios of no weight; coins and cash do not move on their own."""
        sets, problems = self.document["scenario_sets"], Problems()
        most = max(len(sets[each["scenarios"]]) for each in self.cases)
        rows = scenario_rows(sets[case["scenarios"]])
        skewed = self.kind == "derive-pmrm2"
        read = build_derive_scenarios(rows, case["id"], problems, skewed=skewed)
        problems.raise_if_any()

        def table(values, fill):
            row = np.append(values, np.full(most - len(values), fill, values.dtype))
            still = np.full((self.assets - len(self.names), most), fill, values.dtype)
            return jnp.asarray(np.concatenate([np.tile(row, (len(self.names), 1)), still]))

        return DeriveScenarios(
            table(np.asarray(read.spot_multiplier), 1.0),
            table(np.asarray(read.mode), 0),
            table(np.asarray(read.damping), 0.0),
        )

    def _confidence(self, case):
        pairs, first = markets_of(case, self.names), len(self.names)
        spot, perpetual = np.ones(self.assets), np.ones(self.assets)
        shape = (len(pairs), self.expiries)
        by_expiry = {name: np.ones(shape) for name in ("forward", "rate", "vol")}
        for place, (quotes, book) in enumerate(pairs):
            spot[place], perpetual[place] = quotes["spot_confidence"], quotes["perp_confidence"]
            for number, coin in enumerate(book.get("collaterals", ())):
                spot[first + number] = coin["confidence"]
            for number, expiry in enumerate(quotes["expiries"]):
                for name, table in by_expiry.items():
                    table[place, number] = expiry.get(f"{name}_confidence", 1.0)
                own = [
                    option.get("vol_confidence", 1.0)
                    for option in book["options"]
                    if option["seconds_to_expiry"] == expiry["seconds_to_expiry"]
                ]
                by_expiry["vol"][place, number] = min([by_expiry["vol"][place, number], *own])
        flat = {name: jnp.asarray(table.reshape(-1)) for name, table in by_expiry.items()}
        return OracleConfidence(
            jnp.asarray(spot), jnp.asarray(perpetual), flat["forward"], flat["rate"], flat["vol"]
        )

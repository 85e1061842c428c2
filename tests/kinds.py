"""One example of every member of every family; the contract tests run over them.

The market is made up: BTC and ETH, a staked ETH that follows ETH, and USDC; the numeraire is USD.
Pillars: BTC in half a day, 30 and 200 days; ETH in 30 days.
"""

import jax
import jax.numpy as jnp
import numpy as np
from add_on_kinds import FOR_ALL_KINDS
from derive_kinds import DERIVE_RULEBOOKS
from perpetual_kinds import PERPETUAL_RULEBOOKS, TIERED
from portfolio_kinds import BYBIT, DERIBIT, OKX
from scan_kinds import SCAN_GRID, VALUATION_POINTS

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.collateral import (
    AbstractHaircuts,
    CollateralClass,
    FixedHaircuts,
    SupervisoryHaircuts,
    TieredHaircuts,
    VolatilityHaircuts,
)
from jaxmargin.instruments import (
    AbstractInstruments,
    AmericanOptions,
    BarrierOptions,
    DigitalOptions,
    InverseFutures,
    InverseOptions,
    InversePerpetuals,
    LinearFutures,
    LinearOptions,
    LinearPerpetuals,
    QuantoFutures,
    QuantoPerpetuals,
    Spot,
)
from jaxmargin.margin import (
    AbstractAccountRulebook,
    AbstractRulebook,
    FixedPercentage,
    RiskMeasureRulebook,
    kind_of,
)
from jaxmargin.margin.add_ons import WithAddOns
from jaxmargin.margin.procyclicality import (
    AbstractProcyclicalityTool,
    EwmaFloor,
    LookbackFloor,
    SpeedLimit,
    StressBuffer,
    StressedWeight,
)
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.risk import (
    AbstractRiskMeasure,
    AbstractSmoothMeasure,
    ExpectedShortfall,
    HarrellDavis,
    KernelExpectedShortfall,
    KernelValueAtRisk,
    ValueAtRisk,
    WorstCase,
)
from jaxmargin.scenarios import (
    AbstractDraws,
    AbstractScenarioSource,
    Antithetic,
    CopulaMonteCarlo,
    DepegJumps,
    EwmaVolatility,
    FactorHistory,
    FilteredHistoricalSimulation,
    GaussianMonteCarlo,
    GivenScenarios,
    HistoricalSimulation,
    JumpMonteCarlo,
    PseudoRandom,
    RiskFactors,
    Shocks,
    SkewScenarios,
    Sobol,
    SpotVolatilityGrid,
    StationaryBootstrap,
    StudentMonteCarlo,
    TailMixture,
    TenorScaledGrid,
    TiltShocks,
    VolatilityMode,
    fit_jumps,
    fit_marginals,
    price_history,
    sample_covariance,
)

BTC, ETH, STETH, USDC, USD = range(5)
DAYS = np.array([0.5, 30.0, 200.0, 30.0])


def market() -> Market:
    """Today's market, in double precision."""
    spot = jnp.array([60_000.0, 2_500.0, 2_480.0, 0.9998, 1.0])
    forward = jnp.array([60_010.0, 60_200.0, 61_500.0, 2_507.0])
    strikes = forward[:, None] * jnp.array([[0.7, 0.9, 1.0, 1.1, 1.4]])
    smile = jnp.array([[0.75, 0.60, 0.55, 0.56, 0.62]])
    level = jnp.array([[1.2], [1.0], [0.9], [1.3]])
    return Market(
        spot=spot,
        perpetual=spot * jnp.array([1.0004, 1.0003, 1.0, 1.0, 1.0]),
        funding=jnp.array([0.11, 0.08, 0.0, 0.0, 0.0]),
        base=jnp.array([BTC, ETH, ETH, USDC, USD]),
        asset=jnp.array([BTC, BTC, BTC, ETH]),
        time=jnp.asarray(DAYS / 365.0),
        forward=forward,
        rate=jnp.array([0.0, 0.01, 0.02, 0.0]),
        fixed=jnp.array([0.25, 0.0, 0.0, 0.0]),
        surface=QuotedVolatilities(strikes, smile * level, jnp.ones(4)),
    )


def shocks(scenarios: int = 12, seed: int = 3, *, days: float = 1.0) -> Shocks:
    """Random joint moves of every part of the market; the first scenario is no move but time."""
    random = np.random.default_rng(seed)

    def moves(rows: int, size: float) -> jnp.ndarray:
        drawn = random.normal(0.0, size, (rows, scenarios))
        drawn[:, 0] = 0.0
        return jnp.asarray(drawn)

    return Shocks(
        spot=moves(5, 0.05).at[USD].set(0.0).at[USDC].multiply(0.05),
        perpetual=moves(5, 0.002),
        funding=moves(5, 0.05),
        basis=moves(4, 0.004),
        volatility=moves(4, 0.15),
        rate=moves(4, 0.005),
        time=jnp.full(scenarios, days / 365.0),
        weight=jnp.ones(scenarios),
        overlap=jnp.ones(()),
    )


def tilted_shocks(scenarios: int = 12, seed: int = 3, *, days: float = 1.0) -> Shocks:
    """The same with moves that differ between strikes, and with dampened P&L."""
    random = np.random.default_rng(seed + 100)

    def draw(low: float, high: float) -> jnp.ndarray:
        return jnp.asarray(random.uniform(low, high, (4, scenarios)))

    tilt = TiltShocks(draw(0.05, 0.4), draw(-0.6, 0.6), draw(-0.6, 1.5), draw(0.0, 0.6))
    damping = jnp.asarray(random.uniform(0.1, 1.0, scenarios))
    parts = {f: getattr(shocks(scenarios, seed, days=days), f) for f in Shocks.__dataclass_fields__}
    return Shocks(**(parts | {"tilt": tilt, "damping": damping}))


def _options(kind: type, settlement: int, eth_settlement: int) -> AbstractInstruments:
    return kind(
        pillar=jnp.array([0, 0, 1, 1, 2, 3]),
        strike=jnp.array([58_000.0, 61_000.0, 50_000.0, 66_000.0, 63_000.0, 2_600.0]),
        sign=jnp.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0]),
        settlement=jnp.array([settlement] * 5 + [eth_settlement]),
        multiplier=jnp.array([1.0, 1.0, 0.1, 1.0, 2.0, 10.0]),
    )


def _pairs(settlement: list[int], multiplier: list[float]) -> dict[str, jnp.ndarray]:
    return {"settlement": jnp.array(settlement), "multiplier": jnp.array(multiplier)}


INSTRUMENTS: list[AbstractInstruments] = [
    Spot(asset=jnp.array([BTC, STETH, USDC]), **_pairs([USD, USDC, USD], [1.0, 2.0, 1000.0])),
    LinearFutures(pillar=jnp.array([0, 2]), **_pairs([USDC, USD], [1.0, 0.1])),
    InverseFutures(pillar=jnp.array([1, 3]), **_pairs([BTC, ETH], [10.0, 1.0])),
    LinearPerpetuals(asset=jnp.array([BTC, ETH]), **_pairs([USDC, USDC], [1.0, 0.1])),
    InversePerpetuals(asset=jnp.array([BTC, ETH]), **_pairs([BTC, ETH], [10.0, 1.0])),
    QuantoFutures(pillar=jnp.array([2, 3]), **_pairs([ETH, BTC], [1e-4, 1e-6])),
    QuantoPerpetuals(asset=jnp.array([BTC, ETH]), **_pairs([ETH, BTC], [1e-4, 1e-6])),
    DigitalOptions(
        pillar=jnp.array([1, 2, 3]),
        strike=jnp.array([58_000.0, 66_000.0, 2_600.0]),
        sign=jnp.array([1.0, -1.0, 1.0]),
        **_pairs([USDC, USD, USDC], [1_000.0, 500.0, 100.0]),
    ),
    AmericanOptions(
        pillar=jnp.array([1, 2, 3]),
        strike=jnp.array([58_000.0, 66_000.0, 2_600.0]),
        sign=jnp.array([1.0, -1.0, 1.0]),
        **_pairs([USDC, USD, USDC], [1.0, 1.0, 10.0]),
    ),
    BarrierOptions(
        pillar=jnp.array([1, 2, 3]),
        strike=jnp.array([58_000.0, 66_000.0, 2_600.0]),
        sign=jnp.array([1.0, -1.0, 1.0]),
        barrier=jnp.array([50_000.0, 80_000.0, 3_000.0]),
        down=jnp.array([True, False, False]),
        knock_in=jnp.array([False, True, False]),
        interval=jnp.array([0.0, 1 / 365, 0.0]),
        **_pairs([USDC, USD, USDC], [1.0, 1.0, 10.0]),
    ),
    _options(LinearOptions, USDC, USDC),
    _options(InverseOptions, BTC, ETH),
]


# What one line of a plain loop can value; the other kinds are tested against QuantLib.
PLAIN = [b for b in INSTRUMENTS if not isinstance(b, AmericanOptions | BarrierOptions)]


def book(accounts: int = 20, seed: int = 5, kinds: list[AbstractInstruments] = PLAIN) -> Book:
    """A book of random accounts, each with up to 14 positions in contracts of the plain kinds."""
    random = np.random.default_rng(seed)
    batches = tuple(pad_instruments(batch) for batch in kinds)
    rows, first = [], 0
    for batch, padded in zip(kinds, batches, strict=True):
        rows.extend(range(first, first + batch.multiplier.shape[0]))
        first += padded.multiplier.shape[0]
    held = [
        (account, row)
        for account in range(accounts)
        for row in random.choice(rows, random.integers(1, min(15, len(rows))), replace=False)
    ]
    account, instrument = (np.array(column) for column in zip(*held, strict=True))
    quantity = random.normal(0.0, 2.0, len(held))
    return Book(batches, build_positions(account, instrument, quantity, accounts=accounts))


def closes(days: int = 260, seed: int = 9) -> jnp.ndarray:
    """Made-up daily closes of the five assets."""
    random = np.random.default_rng(seed)
    steps = random.standard_t(4, (days, 5)) * np.array([0.025, 0.03, 0.031, 0.0005, 0.0])
    return jnp.asarray(np.asarray(market().spot) * np.exp(np.cumsum(steps, axis=0)))


MOVING = (BTC, ETH, STETH, USDC)  # the assets that have a factor; the numeraire has none


def history(days: int = 260, seed: int = 9) -> FactorHistory:
    """Moves of the made-up closes; and, made up too, of volatility, skew, basis and funding."""
    prices = price_history(closes(days, seed)[:, :4], market(), MOVING)
    random = np.random.default_rng(seed + 1)
    size = np.array([0.05, 0.02, 0.02, 0.05])
    more = random.normal(0.0, 1.0, (days - 1, 4)) * size
    more[:, 0] -= 0.8 * np.asarray(prices.moves[:, 0])  # volatility rises when BTC falls
    spot = jnp.pad(prices.factors.spot, ((0, 0), (0, 4)))
    none, btc = jnp.zeros((4, 4)), jnp.array([1.0, 1.0, 1.0, 0.0])
    volatility = jnp.concatenate([none, btc[:, None], jnp.zeros((4, 3))], axis=1)
    skew = jnp.concatenate([none, jnp.zeros((4, 1)), btc[:, None], jnp.zeros((4, 2))], axis=1)
    basis = jnp.zeros((4, 8)).at[:, 6].set(jnp.asarray(DAYS / 365.0))
    funding = jnp.zeros((5, 8)).at[BTC, 7].set(1.0)
    factors = RiskFactors(spot, funding, basis, volatility, skew, jnp.full(4, 0.2))
    return FactorHistory(factors, jnp.concatenate([prices.moves, jnp.asarray(more)], axis=1))


def tenor_grid() -> TenorScaledGrid:
    """Nine scenarios with every mode, and two dampened tails."""
    modes = ("up", "none", "down", "up", "none", "down", "linear", "absolute", "up", "up")
    return TenorScaledGrid(
        spot_move=jnp.array([-0.15, -0.15, -0.15, 0.15, 0.15, 0.15, 0.0, 0.0, -0.66, 3.0]),
        damping=jnp.array([1.0] * 8 + [0.21, 0.0462]),
        sensitivity=jnp.array([1.0, 1.0, 0.0, 0.0, 0.0]),
        range_up=0.5,
        range_down=0.275,
        short_power=0.3,
        long_power=0.13,
        floor_days=1.0,
        minimum_up=0.45,
        skew=SkewScenarios(0.15, -0.05, 0.01, 4.0, 0.6, -0.1),
        mode=tuple(VolatilityMode(mode) for mode in modes),
    )


def _sources() -> list[AbstractScenarioSource]:
    past = history()
    factors, covariance = past.factors, sample_covariance(past.moves)
    tails = TailMixture(jnp.zeros(8).at[0].set(1.0))
    return [
        HistoricalSimulation(past, decay=0.99),
        FilteredHistoricalSimulation(past, EwmaVolatility(jnp.array(0.94)), paths=64),
        StationaryBootstrap(past, 64, horizon_days=3),
        GaussianMonteCarlo(factors, covariance, 64, draws=Sobol()),
        StudentMonteCarlo(factors, covariance, 64, 4, draws=Antithetic()),
        CopulaMonteCarlo(factors, covariance.correlation, fit_marginals(past.moves, 4), 64),
        JumpMonteCarlo(factors, fit_jumps(past.moves, threshold=3.0).model, 64),
        GaussianMonteCarlo(factors, covariance, 64, components=3, draws=tails),
        SpotVolatilityGrid(
            spot_move=jnp.array([-0.16, -0.08, 0.0, 0.08, 0.16]),
            volatility_move=jnp.array([-0.25, 0.0, 0.5]),
            sensitivity=jnp.array([1.0, 1.0, 0.0, 0.0, 0.0]),
        ),
        tenor_grid(),
        GivenScenarios(tilted_shocks()),
        DepegJumps(
            HistoricalSimulation(past), (USDC, STETH), jnp.array([0.2, 1.0]), jnp.array([0.1, 0.03])
        ),
    ]


SOURCES = _sources()
DRAWS: list[AbstractDraws] = [
    PseudoRandom(),
    Antithetic(),
    Sobol(),
    TailMixture(jnp.arange(1.0, 9.0)),
]
MEASURES: list[AbstractRiskMeasure] = [
    ExpectedShortfall(0.9),
    ValueAtRisk(0.9),
    WorstCase(),
    HarrellDavis(0.9),
]
SMOOTH_MEASURES: list[AbstractSmoothMeasure] = [
    KernelExpectedShortfall(0.9, 0.2),
    KernelValueAtRisk(0.9, 0.2),
]
RULEBOOKS: list[AbstractRulebook] = [
    RiskMeasureRulebook(SOURCES[0], jax.random.key(0), measure, maintenance_ratio=0.8)
    for measure in (ExpectedShortfall(0.95), ValueAtRisk(0.95), WorstCase())
]
VENUE_RULEBOOKS: list[AbstractRulebook] = [
    FixedPercentage(
        initial=jnp.array([0.1, 0.12, 0.2, 0.02, 0.0]),
        maintenance=jnp.array([0.05, 0.06, 0.15, 0.01, 0.0]),
        expiry_offset=jnp.array(0.8),
    ),
    SCAN_GRID,
    VALUATION_POINTS,
    *PERPETUAL_RULEBOOKS,
    *DERIVE_RULEBOOKS,
    BYBIT,
    DERIBIT,
    OKX,
    WithAddOns(RULEBOOKS[0], FOR_ALL_KINDS),
]
# Rules whose charges grow faster than positions: by tiers of size, say.
CONVEX: tuple[type[AbstractRulebook], ...] = (
    *TIERED,
    type(BYBIT),
    type(DERIBIT),
    type(OKX),
    WithAddOns,
)


def book_of(rulebook: AbstractRulebook, accounts: int = 20, seed: int = 5) -> Book:
    """A book of random accounts in the contracts that a rulebook takes."""
    if not isinstance(rulebook, AbstractAccountRulebook):
        return book(accounts, seed)
    return book(accounts, seed, [b for b in PLAIN if kind_of(b) in rulebook.accepts])


def tiers(upper: list[list[float]], fraction: list[list[float]]) -> TieredHaircuts:
    """Haircuts by size for all accounts, one list per asset."""
    return TieredHaircuts(jnp.array([upper]), jnp.array([fraction]))


MISMATCHED = jnp.array([[False, False, True, False, False]])
HAIRCUTS: list[AbstractHaircuts] = [
    FixedHaircuts(jnp.array([[0.05, 0.07, 0.1, 0.01, 0.0]])),
    tiers(
        [
            [10.0, 20.0, 30.0, 40.0, 50.0],
            [5.0, 5.0, 5.0, 5.0, 5.0],
            [0.5, 2.0, 4.0, 8.0, 8.0],
            [jnp.inf, jnp.inf, jnp.inf, jnp.inf, jnp.inf],
            [1.0, jnp.inf, jnp.inf, jnp.inf, jnp.inf],
        ],
        [
            [0.02, 0.05, 0.1, 0.15, 0.2],
            [0.1, 0.1, 0.1, 0.1, 0.1],
            [0.1, 0.2, 0.4, 0.9, 1.0],
            [0.02, 0.02, 0.02, 0.02, 0.02],
            [0.0, 0.5, 0.5, 0.5, 0.5],
        ],
    ),
    SupervisoryHaircuts(
        jnp.array(
            [
                CollateralClass.GOLD,
                CollateralClass.UNLISTED,
                CollateralClass.SOVEREIGN,
                CollateralClass.CORPORATE,
                CollateralClass.CASH,
            ]
        ),
        jnp.array([0.0, 0.0, 3.0, 7.0, 0.0]),
        MISMATCHED,
        liquidation_days=5.0,
    ),
    VolatilityHaircuts(
        volatility=jnp.array([0.6, 0.8, jnp.nan, 0.01, 0.0]),
        stressed_volatility=jnp.array([1.2, 0.7, 1.5, 0.2, 0.0]),
        spread=jnp.array([0.01, 0.02, 0.03, 0.001, 0.0]),
        liquidity=jnp.array([0.005, 0.01, 0.02, 0.0, 0.0]),
        floor=jnp.array([0.0, 0.3, 0.1, 0.05, 0.0]),
        mismatched=MISMATCHED,
        horizon_days=2.0,
        stress_weight=0.25,
    ),
]


def name(member: object) -> str:
    """Name of a member's kind, for the names of tests."""
    if isinstance(member, RiskMeasureRulebook):
        return f"{type(member).__name__}-{type(member.measure).__name__}"
    return type(member).__name__


def kinds_of(family: type) -> set[type]:
    """All concrete kinds of a family that the package defines."""
    found = set()
    for kind in family.__subclasses__():
        found |= kinds_of(kind)
        if kind.__module__.startswith("jaxmargin.") and not kind.__abstractmethods__:
            found.add(kind)
    return found


PROCYCLICALITY_TOOLS: list[AbstractProcyclicalityTool] = [
    StressedWeight(0.3),
    StressBuffer(significant_rise=0.08, rebuild=0.02),
    LookbackFloor(),
    EwmaFloor(half_life_runs=20.0),
    SpeedLimit(rise=0.1, fall=0.05),  # the last of a tuple
]

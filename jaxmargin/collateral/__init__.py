"""Collateral: what it is worth after haircuts, where it is eligible, and what it covers."""

from jaxmargin.collateral._coverage import Coverage as Coverage
from jaxmargin.collateral._coverage import coverage as coverage
from jaxmargin.collateral._haircuts import AbstractHaircuts as AbstractHaircuts
from jaxmargin.collateral._haircuts import FixedHaircuts as FixedHaircuts
from jaxmargin.collateral._haircuts import TieredHaircuts as TieredHaircuts
from jaxmargin.collateral._holdings import Holdings as Holdings
from jaxmargin.collateral._holdings import wrong_way as wrong_way
from jaxmargin.collateral._joint import JointShortfall as JointShortfall
from jaxmargin.collateral._joint import collateral_pnl as collateral_pnl
from jaxmargin.collateral._joint import joint_shortfall as joint_shortfall
from jaxmargin.collateral._limits import ConcentrationLimits as ConcentrationLimits
from jaxmargin.collateral._limits import LimitBasis as LimitBasis
from jaxmargin.collateral._limits import limited_value as limited_value
from jaxmargin.collateral._scenario_haircuts import scenario_haircuts as scenario_haircuts
from jaxmargin.collateral._supervisory import CollateralClass as CollateralClass
from jaxmargin.collateral._supervisory import SupervisoryHaircuts as SupervisoryHaircuts
from jaxmargin.collateral._volatility import AdjustedHaircuts as AdjustedHaircuts
from jaxmargin.collateral._volatility import VolatilityHaircuts as VolatilityHaircuts
from jaxmargin.collateral._volatility import adjust_haircuts as adjust_haircuts

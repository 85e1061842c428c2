"""Add-ons: charges on top of a rulebook's margin, for what its scenarios do not have."""

from jaxmargin.margin.add_ons._add_on import AbstractAddOn as AbstractAddOn
from jaxmargin.margin.add_ons._basis import BasisAddOn as BasisAddOn
from jaxmargin.margin.add_ons._concentration import ConcentrationAddOn as ConcentrationAddOn
from jaxmargin.margin.add_ons._depeg import DepegAddOn as DepegAddOn
from jaxmargin.margin.add_ons._funding import FundingAddOn as FundingAddOn
from jaxmargin.margin.add_ons._liquidity import LiquidityAddOn as LiquidityAddOn
from jaxmargin.margin.add_ons._minimum_per_contract import (
    MinimumPerContractAddOn as MinimumPerContractAddOn,
)
from jaxmargin.margin.add_ons._oracle_confidence import (
    OracleConfidenceAddOn as OracleConfidenceAddOn,
)
from jaxmargin.margin.add_ons._with_add_ons import WithAddOns as WithAddOns
from jaxmargin.margin.add_ons._with_add_ons import add_charge as add_charge
from jaxmargin.margin.add_ons._wrong_way import WrongWayAddOn as WrongWayAddOn

"""What a venue as a whole can bear: default funds, waterfalls, liquidation."""

from jaxmargin.systemic._deleveraging import Deleveraged as Deleveraged
from jaxmargin.systemic._deleveraging import allocate_positions as allocate_positions
from jaxmargin.systemic._deleveraging import deleverage as deleverage
from jaxmargin.systemic._exposures import member_exposures as member_exposures
from jaxmargin.systemic._fund import FundSizing as FundSizing
from jaxmargin.systemic._fund import size_fund as size_fund
from jaxmargin.systemic._linear_positions import linear_positions as linear_positions
from jaxmargin.systemic._liquidation import run_liquidation as run_liquidation
from jaxmargin.systemic._liquidation import split_moves as split_moves
from jaxmargin.systemic._liquidation import step_liquidation as step_liquidation
from jaxmargin.systemic._liquidation_settings import DeleveragingPolicy as DeleveragingPolicy
from jaxmargin.systemic._liquidation_settings import LiquidationPolicy as LiquidationPolicy
from jaxmargin.systemic._liquidation_settings import LiquidationSettings as LiquidationSettings
from jaxmargin.systemic._liquidation_settings import price_breaker as price_breaker
from jaxmargin.systemic._liquidation_state import LiquidationAccounts as LiquidationAccounts
from jaxmargin.systemic._liquidation_state import LiquidationState as LiquidationState
from jaxmargin.systemic._liquidation_state import LiquidationStep as LiquidationStep
from jaxmargin.systemic._liquidation_state import start_liquidation as start_liquidation
from jaxmargin.systemic._waterfall import Waterfall as Waterfall
from jaxmargin.systemic._waterfall import WaterfallResources as WaterfallResources
from jaxmargin.systemic._waterfall import run_waterfall as run_waterfall

"""ISDA SIMM 2.5. Commercial use of ISDA SIMM needs a licence from ISDA."""

from jaxmargin.margin.simm._codes import MEASURES as MEASURES
from jaxmargin.margin.simm._codes import PRODUCT_CLASSES as PRODUCT_CLASSES
from jaxmargin.margin.simm._codes import RESIDUAL_BUCKETS as RESIDUAL_BUCKETS
from jaxmargin.margin.simm._codes import RISK_CLASS_OF as RISK_CLASS_OF
from jaxmargin.margin.simm._codes import RISK_CLASSES as RISK_CLASSES
from jaxmargin.margin.simm._codes import SENSITIVITY_MEASURE as SENSITIVITY_MEASURE
from jaxmargin.margin.simm._codes import SIMM_NOTICE as SIMM_NOTICE
from jaxmargin.margin.simm._codes import TENOR_DAYS as TENOR_DAYS
from jaxmargin.margin.simm._codes import TENORS as TENORS
from jaxmargin.margin.simm._codes import RiskType as RiskType
from jaxmargin.margin.simm._margin import margin_simm as margin_simm
from jaxmargin.margin.simm._parameters import SimmCorrelations as SimmCorrelations
from jaxmargin.margin.simm._parameters import SimmParameters as SimmParameters
from jaxmargin.margin.simm._parameters import SimmRatios as SimmRatios
from jaxmargin.margin.simm._parameters import SimmThresholds as SimmThresholds
from jaxmargin.margin.simm._parameters import SimmWeights as SimmWeights
from jaxmargin.margin.simm._result import SimmMargin as SimmMargin
from jaxmargin.margin.simm._sensitivities import SimmAddOns as SimmAddOns
from jaxmargin.margin.simm._sensitivities import SimmSensitivities as SimmSensitivities

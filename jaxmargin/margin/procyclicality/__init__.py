"""Tools that keep margin from jumping with the market, and the state they carry between runs."""

from jaxmargin.margin.procyclicality._buffer import StressBuffer as StressBuffer
from jaxmargin.margin.procyclicality._chain import ProcyclicalityResult as ProcyclicalityResult
from jaxmargin.margin.procyclicality._chain import apply_tools as apply_tools
from jaxmargin.margin.procyclicality._chain import apply_tools_over_days as apply_tools_over_days
from jaxmargin.margin.procyclicality._floors import EwmaFloor as EwmaFloor
from jaxmargin.margin.procyclicality._floors import LookbackFloor as LookbackFloor
from jaxmargin.margin.procyclicality._speed_limit import SpeedLimit as SpeedLimit
from jaxmargin.margin.procyclicality._state import ProcyclicalityState as ProcyclicalityState
from jaxmargin.margin.procyclicality._state import rebase as rebase
from jaxmargin.margin.procyclicality._state import rebase_ratio as rebase_ratio
from jaxmargin.margin.procyclicality._state import start_procyclicality as start_procyclicality
from jaxmargin.margin.procyclicality._stressed_weight import StressedWeight as StressedWeight
from jaxmargin.margin.procyclicality._tool import (
    AbstractProcyclicalityTool as AbstractProcyclicalityTool,
)
from jaxmargin.margin.procyclicality._tool import CalculatedMargins as CalculatedMargins
from jaxmargin.margin.procyclicality._tool import ToolMemory as ToolMemory

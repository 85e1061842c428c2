"""Which collateral to post where: exact allocation with certificates."""

from jaxmargin.optimize._certificate import Certificate as Certificate
from jaxmargin.optimize._differentiable import optimal_cost as optimal_cost
from jaxmargin.optimize._limit import Limit as Limit
from jaxmargin.optimize._linear import Allocation as Allocation
from jaxmargin.optimize._linear import LinearSolution as LinearSolution
from jaxmargin.optimize._linear import optimize_allocation as optimize_allocation
from jaxmargin.optimize._linear import solve_rows as solve_rows
from jaxmargin.optimize._many import ManyAllocations as ManyAllocations
from jaxmargin.optimize._many import optimize_many as optimize_many
from jaxmargin.optimize._problem import AllocationProblem as AllocationProblem
from jaxmargin.optimize._problem import build_problem as build_problem
from jaxmargin.optimize._rows import RowKind as RowKind
from jaxmargin.optimize._rows import Rows as Rows
from jaxmargin.optimize._rows import append_cuts as append_cuts
from jaxmargin.optimize._rows import rows_of as rows_of
from jaxmargin.optimize._sensitivities import CostSensitivities as CostSensitivities
from jaxmargin.optimize._sensitivities import cost_sensitivities as cost_sensitivities
from jaxmargin.optimize._sensitivities import marginal_funding_cost as marginal_funding_cost
from jaxmargin.optimize._shortfall import ShortfallReason as ShortfallReason
from jaxmargin.optimize._shortfall import say_reason as say_reason
from jaxmargin.optimize._slopes import CostSlopes as CostSlopes
from jaxmargin.optimize._slopes import cost_slopes as cost_slopes
from jaxmargin.optimize._tail_cuts import JointAllocation as JointAllocation
from jaxmargin.optimize._tail_cuts import optimize_joint as optimize_joint
from jaxmargin.optimize._tail_rule import TailRule as TailRule

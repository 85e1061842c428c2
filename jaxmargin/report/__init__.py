"""What a person reads: tables on the terminal, pictures."""

from jaxmargin.report._allocate import allocation_summary as allocation_summary
from jaxmargin.report._allocation_picture import plot_allocation as plot_allocation
from jaxmargin.report._backtest import backtest_summary as backtest_summary
from jaxmargin.report._backtest import plot_margin_paths as plot_margin_paths
from jaxmargin.report._checks import checks_summary as checks_summary
from jaxmargin.report._compare import compare_summary as compare_summary
from jaxmargin.report._compare import plot_comparison as plot_comparison
from jaxmargin.report._explain import explain_summary as explain_summary
from jaxmargin.report._ratios import plot_ratios as plot_ratios
from jaxmargin.report._safeguards import safeguard_lines as safeguard_lines
from jaxmargin.report._scenarios import plot_scenarios as plot_scenarios
from jaxmargin.report._sensitivities import plot_attribution as plot_attribution
from jaxmargin.report._sensitivities import plot_ladder as plot_ladder
from jaxmargin.report._sensitivities import sensitivity_summary as sensitivity_summary
from jaxmargin.report._simm import simm_summary as simm_summary
from jaxmargin.report._states import state_lines as state_lines
from jaxmargin.report._stress import costliest_stress as costliest_stress
from jaxmargin.report._stress import plot_liquidation as plot_liquidation
from jaxmargin.report._stress import plot_stress_losses as plot_stress_losses
from jaxmargin.report._stress import stress_summary as stress_summary
from jaxmargin.report._terminal import margin_summary as margin_summary
from jaxmargin.report._terminal import print_plain as print_plain
from jaxmargin.report._terminal import reverse_summary as reverse_summary
from jaxmargin.report._terminal import scenario_summary as scenario_summary
from jaxmargin.report._what_if import what_if_summary as what_if_summary

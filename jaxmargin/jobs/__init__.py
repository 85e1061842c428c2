"""Jobs: what one file of settings asks for, run and written."""

from jaxmargin.jobs._demo import write_demo as write_demo
from jaxmargin.jobs._explain import ExplainResult as ExplainResult
from jaxmargin.jobs._explain import run_explain as run_explain
from jaxmargin.jobs._load import Inputs as Inputs
from jaxmargin.jobs._load import load_inputs as load_inputs
from jaxmargin.jobs._margin import MarginResult as MarginResult
from jaxmargin.jobs._margin import run_margin as run_margin
from jaxmargin.jobs._reverse import ReverseResult as ReverseResult
from jaxmargin.jobs._reverse import run_reverse as run_reverse
from jaxmargin.jobs._scenario_run import export_scenarios as export_scenarios
from jaxmargin.jobs._scenario_run import is_job as is_job
from jaxmargin.jobs._scenario_run import list_stresses as list_stresses
from jaxmargin.jobs._scenario_run import make_scenarios as make_scenarios
from jaxmargin.jobs._scenario_run import scenario_kinds as scenario_kinds
from jaxmargin.jobs._scenario_run import show_stress as show_stress
from jaxmargin.jobs._scenarios import Scenarios as Scenarios
from jaxmargin.jobs._scenarios import build_scenarios as build_scenarios
from jaxmargin.jobs._settings import Job as Job
from jaxmargin.jobs._settings import read_job as read_job
from jaxmargin.jobs._warm import WarmResult as WarmResult
from jaxmargin.jobs._warm import run_warm as run_warm
from jaxmargin.jobs._what_if import WhatIfResult as WhatIfResult
from jaxmargin.jobs._what_if import run_what_if as run_what_if

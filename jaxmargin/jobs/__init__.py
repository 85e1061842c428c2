"""Jobs: what one file of settings asks for, run and written."""

from jaxmargin.jobs._demo import write_demo as write_demo
from jaxmargin.jobs._load import Inputs as Inputs
from jaxmargin.jobs._load import load_inputs as load_inputs
from jaxmargin.jobs._margin import MarginResult as MarginResult
from jaxmargin.jobs._margin import run_margin as run_margin
from jaxmargin.jobs._settings import Job as Job
from jaxmargin.jobs._settings import read_job as read_job

# The scenario, read and checked once. Every rule takes its settings and files from it.

from calobatch.checksum import sha256_of
from calobatch.config.model_file import model_source
from calobatch.errors import exiting
from calobatch.workflow import datasets, jobs
from calobatch.workflow.scenario import setup_of
from calobatch.workflow.tracking import TRACKING_URI, missing_store

with exiting():
    SETUP = setup_of(config)

SCENARIO = SETUP.scenario
DATA = f"data/{SCENARIO.name}"
RESULTS = f"results/{SCENARIO.name}"
LOGS = f"logs/{SCENARIO.name}"
RUNS = [f"{RESULTS}/{task}/seed{seed}" for task in SCENARIO.tasks for seed in SCENARIO.seeds]


wildcard_constraints:
    dataset="[a-z0-9_]+",
    task="[a-z0-9_]+",
    seed="[0-9]+",
    file="[^/]+",

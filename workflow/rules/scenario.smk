# The scenario, read and checked once. All rules take their settings and files from it.

import sys

from calobatch.checkout import hand_down_code
from calobatch.errors import exiting
from calobatch.run.files import TRAINING_FILES
from calobatch.run.name import MEMBER, runs_of
from calobatch.store_files import EVENTS_FILE, MANIFEST_FILE
from calobatch.workflow import datasets, jobs, starts
from calobatch.workflow.model_version import model_version
from calobatch.workflow.same_content import accept_same_content
from calobatch.workflow.scenario import changes_in, setup_of
from calobatch.workflow.summary import headline
from calobatch.workflow.tracking import TRACKING_URI, forget_missing_store

hand_down_code()
with exiting():
    SETUP = setup_of(config, sys.argv if workflow.is_main_process else ())

SCENARIO = SETUP.scenario
if workflow.is_main_process:
    print(headline(SCENARIO), file=sys.stderr)
DATA = f"data/{SCENARIO.name}"
RESULTS = f"results/{SCENARIO.name}"
LOGS = f"logs/{SCENARIO.name}"
# The folder of a packed dataset, and of a run, with the wildcards of the rules.
STORE = f"{DATA}/packed/{{dataset}}"
RUN = f"{RESULTS}/{{task}}/{{run}}"
STORES = expand(STORE, dataset=SCENARIO.datasets)
RUNS = [f"{RESULTS}/{name.folder}" for name in runs_of(SCENARIO)]

if workflow.is_main_process:
    accept_same_content(*datasets.origins(SETUP, STORE, RUN))


wildcard_constraints:
    dataset="[a-z0-9_]+",
    task="[a-z0-9_]+",
    run=MEMBER.pattern,
    ensemble="[a-z0-9_]+",
    file="[^/]+",

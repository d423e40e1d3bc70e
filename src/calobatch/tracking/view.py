"""A view of the experiment for MLflow's page: all trainings, the highest test AUC first.

MLflow's own view has neither metrics nor the trainings, which are folded under their scenario. What
its button "Views" saves is a tag of the experiment, and so is this one (mlflow 3.17).
"""

import json

NAME = "Trainings by test AUC"
KEY = "calobatch"
TAG = f"mlflow.sharedViewState.{KEY}"
COLUMNS = (
    "metrics.`test/auc`",
    "metrics.`test/auc_low`",
    "metrics.`test/auc_high`",
    "metrics.`validation/auc`",
    "params.`model`",
    "tags.`calobatch.dataset`",
    "tags.`calobatch.ranks`",
    "tags.`calobatch.device`",
)
# Trainings have a number of ranks, which runs of scenarios and of all folds do not have. Those that
# were repeated are left out; those that are running are shown.
FILTER = "tags.`calobatch.ranks` != '' AND tags.`calobatch.state` != 'superseded'"


def view() -> str:
    """Return the value of the tag."""
    state = {
        "searchFilter": FILTER,
        "orderByKey": COLUMNS[0],
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": COLUMNS,
        "hideEmptyCharts": True,
    }
    # A constant time, so that collecting again changes nothing.
    return json.dumps({"name": NAME, "createdAt": 1, "updatedAt": 1, "state": json.dumps(state)})


def page_of(experiment_id: str) -> str:
    """Return the place of the view in MLflow's pages."""
    return (
        f"#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={KEY}"
    )

"""MLflow's registry: a registered model per task, a version per training, and which is the best.

MLflow's programs and `calobatch predict` take `models:/quickstart-electron_photon_cnn@best`.
"""

import hashlib
from collections.abc import Mapping
from math import hypot

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.tracking import MlflowClient

from calobatch.collect.description import of_version
from calobatch.collect.owner import THIS_CHECKOUT
from calobatch.collect.tags import tag_of
from calobatch.config.scenario import Scenario
from calobatch.run.folder import RunFolder
from calobatch.run.metrics import SplitMetrics

BEST = "best"
# Tags of a version, by which those of later trainings are compared with it.
# Their names are short, because the column of MLflow's page is narrow.
AUC, UNCERTAINTY, DATA = "auc", "uncertainty", "data"
EXISTS = ErrorCode.Name(RESOURCE_ALREADY_EXISTS)


class Registry:
    """The registered models of a scenario; ``owner`` says whose they are (collect/owner.py)."""

    def __init__(self, client: MlflowClient, scenario: Scenario, owner: str) -> None:
        self._client, self._scenario, self._owner = client, scenario, owner

    def write(self, task: str, trainings: Mapping[str, RunFolder]) -> None:
        """Register the models of ``trainings`` if they are not yet, and mark the task's best one.

        ``trainings`` are those of one task, by the id of their MLflow run. A model that could not
        be exported is not in MLflow, so it is not registered.
        """
        name = self._name(task)
        known = {version.run_id for version in self._versions(name)}
        for run_id, run in trainings.items():
            outputs = self._client.get_run(run_id).outputs
            if outputs and outputs.model_outputs and run_id not in known:
                self._create_model(name, task)
                self._create_version(name, run_id, outputs.model_outputs[0].model_id, run)
        self._mark_best(name, trainings)

    def _name(self, task: str) -> str:
        """Return the name of a task's model; on a server it is a different one for each owner."""
        mine = hashlib.sha256(self._owner.encode()).hexdigest()[:8]
        suffix = "" if self._owner == THIS_CHECKOUT else f"-{mine}"
        return f"{self._scenario.name}-{task}{suffix}"

    def _versions(self, name: str) -> list[ModelVersion]:
        """Return all versions of a model, oldest first."""
        found = self._client.search_model_versions(f"name = '{name}'")
        return sorted(found, key=lambda version: int(version.version))

    def _create_model(self, name: str, task: str) -> None:
        title = f"{self._scenario.tasks[task].title} (scenario {self._scenario.name})"
        try:
            self._client.create_registered_model(
                name, tags={tag_of("owner"): self._owner}, description=title
            )
        except MlflowException as error:
            if error.error_code != EXISTS:
                raise

    def _create_version(self, name: str, run_id: str, model_id: str, run: RunFolder) -> None:
        validation = run.metrics.splits["validation"]
        self._client.create_model_version(
            name,
            source=f"models:/{model_id}",
            run_id=run_id,
            model_id=model_id,
            description=of_version(run),
            tags={
                AUC: f"{validation.auc:.6f}",
                UNCERTAINTY: f"{_uncertainty(validation):.6f}",
                DATA: run.record.dataset_sha256,
            },
        )

    def _mark_best(self, name: str, trainings: Mapping[str, RunFolder]) -> None:
        """Give the alias to the version with the highest validation AUC.

        An earlier version keeps it unless the gain exceeds the uncertainty of both, or the data
        differ. The test split has no part in this, so that its AUC stays unbiased. A version that
        somebody else has registered has no AUC here: it is left alone, and keeps the alias.
        """
        sound = {run_id for run_id, run in trainings.items() if not run.record.mark}
        found = {str(version.version): version for version in self._versions(name)}
        own = [version for version in found.values() if AUC in version.tags]
        if not (candidates := [version for version in own if version.run_id in sound]):
            return
        candidate = max(candidates, key=lambda version: float(version.tags[AUC]))
        aliases = self._client.get_registered_model(name).aliases
        # The alias of a version that was deleted in MLflow may be left.
        best = found.get(str(aliases.get(BEST)))
        if best is None or (best in own and _is_better(candidate, best)):
            self._client.set_registered_model_alias(name, BEST, candidate.version)


def _uncertainty(measured: SplitMetrics) -> float:
    """Return half the width of the interval of an AUC."""
    return (measured.auc_high - measured.auc_low) / 2


def _is_better(candidate: ModelVersion, best: ModelVersion) -> bool:
    if candidate.tags[DATA] != best.tags[DATA]:
        return True
    gain = float(candidate.tags[AUC]) - float(best.tags[AUC])
    return gain > hypot(float(candidate.tags[UNCERTAINTY]), float(best.tags[UNCERTAINTY]))

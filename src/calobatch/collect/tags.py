"""What MLflow has about a training besides metrics and files: parameters and tags."""

import hashlib
import re

from calobatch.config.training import Training
from calobatch.run.folder import RunFolder


def tag_of(name: str) -> str:
    """Return the tag for a fact."""
    return "calobatch." + allowed(name)


def allowed(name: str) -> str:
    """Return ``name`` with "_" for characters that MLflow does not allow, such as a plus sign."""
    return re.sub(r"[^/\w.\- :]", "_", name)


def parameters(run: RunFolder) -> dict[str, str]:
    """Return every hyperparameter as text."""
    fold = {} if run.record.fold is None else {"fold": str(run.record.fold)}
    return {"seed": str(run.record.seed), **fold, **settings_as_text(run.record.training)}


def settings_as_text(training: Training) -> dict[str, str]:
    """Return the settings of a training. A nested one has a name with a dot."""
    flat: dict[str, str] = {}
    for name, value in training.model_dump().items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": str(nested) for key, nested in value.items()}
        else:
            flat[name] = str(value)
    return flat


def provenance_of(run: RunFolder) -> dict[str, str]:
    """Return where the run comes from: data, code, packages and machines."""
    record = run.record
    facts = {
        "task": record.task,
        "dataset": record.dataset,
        "simulated": str(record.simulated).lower(),
        "weighted": str(run.metrics.splits["test"].effective_events is not None).lower(),
        "dataset_sha256": record.dataset_sha256,
        "config_sha256": hashlib.sha256(record.training.model_dump_json().encode()).hexdigest(),
        "identity": record.identity,  # of settings, seed, data, model, device and versions
        "git_commit": record.provenance.git_commit,
        "git_dirty": {True: "true", False: "false", None: "unknown"}[record.provenance.git_dirty],
        "python": record.provenance.python,
        "device": record.device,
        "hosts": ", ".join(record.hosts),
        "ranks": str(record.ranks),
        "mark": record.mark,
        "resumed_after_epoch": str(record.resumed_after_epoch),
        "resumed_at_step": str(record.resumed_at_step),
    }
    if record.provenance.slurm_job:
        facts["slurm_job"] = record.provenance.slurm_job
    facts |= {f"source_sha256.{name}": value for name, value in record.source_sha256.items()}
    facts |= {f"package.{name}": value for name, value in record.provenance.packages.items()}
    return facts

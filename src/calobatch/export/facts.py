"""What an exported model says about itself in its metadata, as texts by their names."""

import json
from collections.abc import Sequence

from calobatch.run.training import Preparation, RunRecord


def facts_of(record: RunRecord, names: Sequence[str], preparation: Preparation) -> dict[str, str]:
    """Return where a model comes from, what it takes, and how its events were prepared."""
    fold = {} if record.fold is None else {"fold": str(record.fold)}
    return {
        "task": record.task,
        "seed": str(record.seed),
        **fold,
        "dataset": record.dataset,
        "simulated": str(record.simulated).lower(),
        "model": record.training.model,
        "model_options": json.dumps(record.training.model_options),
        "inputs": json.dumps(list(names)),
        "layout": record.layout.model_dump_json(),
        "preparation": json.dumps(preparation.model_dump(mode="json")),
        "dataset_sha256": record.dataset_sha256,
        "identity": record.identity,
        "git_commit": record.provenance.git_commit,
    }

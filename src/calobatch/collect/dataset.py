"""The packed dataset of a training, as MLflow shows datasets."""

import json

from mlflow.entities import Dataset, DatasetInput, InputTag

from calobatch.run.folder import RunFolder

# MLflow takes 36 digits.
DIGITS = 16


def dataset_of(run: RunFolder) -> DatasetInput:
    """Return the dataset of a run: its name, the start of its SHA-256, its events and layout."""
    record, splits = run.record, run.metrics.splits
    layout = record.layout
    profile = {
        "num_rows": sum(split.events for split in splits.values()),
        **{f"{name}_rows": split.events for name, split in splits.items()},
        "simulated": record.simulated,
    }
    fields = [
        {"name": "image", "type": "float32", "shape": list(layout.shape)},
        *({"name": scalar.name, "type": "float64"} for scalar in layout.scalars),
        {"name": "label", "type": "uint8", "classes": list(layout.classes)},
    ]
    return DatasetInput(
        Dataset(
            name=record.dataset,
            digest=record.dataset_sha256[:DIGITS],
            source_type="calobatch store",
            source=json.dumps({"sha256": record.dataset_sha256, "files": record.source_sha256}),
            schema=json.dumps({"calobatch_store": fields}),
            profile=json.dumps(profile),
        ),
        tags=[InputTag("mlflow.data.context", "training, validation, test")],
    )

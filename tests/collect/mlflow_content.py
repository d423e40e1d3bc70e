"""What an MLflow store has, read with the client of MLflow itself."""

from mlflow.tracking import MlflowClient


def all_runs(client):
    experiments = [e.experiment_id for e in client.search_experiments()]
    return client.search_runs(experiments)


def snapshot(uri):
    """Return everything that MLflow has about every run and every registered model."""
    client = MlflowClient(uri)
    content = {}
    for run in all_runs(client):
        metrics = {
            name: [(m.step, m.timestamp, m.value) for m in client.get_metric_history(
                run.info.run_id, name)]
            for name in run.data.metrics
        }  # fmt: skip
        artifacts = sorted(a.path for a in client.list_artifacts(run.info.run_id))
        info = (run.info.status, run.info.start_time, run.info.end_time)
        content[run.info.run_id] = (info, run.data.tags, run.data.params, metrics, artifacts)
    return content | registered(uri)


def registered(uri):
    """Return the registered models: their text, their aliases and what each version is."""
    client = MlflowClient(uri)
    content = {}
    for model in client.search_registered_models():
        versions = {
            version.version: (version.run_id, version.source, version.description, version.tags)
            for version in client.search_model_versions(f"name = '{model.name}'")
        }
        content[model.name] = (
            model.description,
            model.tags,
            dict(model.aliases),
            versions,
        )
    return content


def content(uri, experiment):
    """Return what an experiment has, as one text per run, in which no id and no owner is left.

    Two stores with the same runs have the same content.
    """
    client = MlflowClient(uri)
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    runs = client.search_runs([experiment_id])
    names = {run.info.run_id: run.data.tags["calobatch.key"] for run in runs}
    assert len(set(names.values())) == len(names), "a run is there twice"
    models = client.search_logged_models([experiment_id])
    names |= {model.model_id: f"model of {names.get(model.source_run_id)}" for model in models}
    names |= {run.data.tags["calobatch.owner"]: "owner" for run in runs}
    texts = {}
    for run in runs:
        run_id = run.info.run_id
        histories = {
            name: [(m.step, m.timestamp, m.value) for m in client.get_metric_history(run_id, name)]
            for name in run.data.metrics
            if name.startswith("epoch/")  # the others have one value
        }
        metrics = {**run.data.metrics, **histories}
        versions = [
            (model.name.split("-")[1], int(version.version), version.source, version.description,
             version.tags, {alias: int(number) for alias, number in model.aliases.items()})
            for model in client.search_registered_models()
            for version in client.search_model_versions(f"name = '{model.name}'")
            if version.run_id == run_id
        ]  # fmt: skip
        info = (run.info.status, run.info.start_time, run.info.end_time)
        # MLflow describes the model there, with the time at which it was logged.
        tags = {name: v for name, v in run.data.tags.items() if name != "mlflow.log-model.history"}
        inputs = [(data.dataset.name, data.dataset.digest) for data in run.inputs.dataset_inputs]
        of_run = [
            (names[model.model_id], model.status, sorted((m.key, m.value) for m in model.metrics))
            for model in models
            if model.source_run_id == run_id
        ]
        parameters = sorted(run.data.params.items())
        values = (info, sorted(tags.items()), parameters, sorted(metrics.items()))
        text = repr([*values, inputs, _files(client, run_id), of_run, versions])
        for number, name in names.items():
            text = text.replace(number, name)
        texts[names[run_id]] = text.replace(f"experiments/{experiment_id}/", "experiments/E/")
    left = [model.model_id for model in models if model.source_run_id not in names]
    assert left == [], "models of runs that are no more"
    return texts


def _files(client, run_id, folder=""):
    """Return the path and the size of each file of a run."""
    found = []
    for entry in client.list_artifacts(run_id, folder):
        if entry.is_dir:
            found += _files(client, run_id, entry.path)
        else:
            found.append((entry.path, entry.file_size))
    return sorted(found)


def children(uri, key="tests/crops/seed1"):
    return [r for r in all_runs(MlflowClient(uri)) if r.data.tags["calobatch.key"] == key]

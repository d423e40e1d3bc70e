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
        content[model.name] = (model.description, model.tags, dict(model.aliases), versions)
    return content


def children(uri, key="tests/crops/seed1"):
    return [r for r in all_runs(MlflowClient(uri)) if r.data.tags["calobatch.key"] == key]

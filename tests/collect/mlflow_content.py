"""What an MLflow store has, read with the client of MLflow itself."""

from mlflow.tracking import MlflowClient


def all_runs(client):
    experiments = [e.experiment_id for e in client.search_experiments()]
    return client.search_runs(experiments)


def snapshot(uri):
    """Return everything that MLflow has about every run."""
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
    return content


def children(uri, key="tests/crops/seed1"):
    return [r for r in all_runs(MlflowClient(uri)) if r.data.tags["calobatch.key"] == key]

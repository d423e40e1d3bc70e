# The only writer to MLflow, where the head process runs: compute nodes may not reach the store,
# and SQLite has to lie on a local disk.
localrules:
    collect,


TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")


def missing_store(uri):
    """The file of an SQLite store that is not there, in a list; else nothing.

    A store that was removed is a missing output. One that is there is no output: Snakemake would
    delete it before the rule runs, and it holds other scenarios too.
    """
    kind, _, path = uri.partition(":///")
    return [path] if kind == "sqlite" and path and not Path(path).exists() else []


rule collect:
    input:
        metrics=expand("{run}/metrics.json", run=RUNS),
        plots=expand("{run}/plots/{plot}.png", run=RUNS, plot=PLOTS),
        records=expand("{run}/run.json", run=RUNS),
    output:
        leaderboard=report(
            f"{RESULTS}/leaderboard.csv",
            caption="../report/leaderboard.rst",
            category="Leaderboard",
        ),
        store=missing_store(TRACKING_URI),
    log:
        f"{LOGS}/collect.log",
    resources:
        start=started_in("train"),
    params:
        runs=RUNS,
        settings=SCENARIO.model_dump_json(),
        tracking_uri=TRACKING_URI,
    shell:
        "{resources.start} calobatch collect {params.runs} --leaderboard {output.leaderboard}"
        " --settings {params.settings:q} --tracking-uri {params.tracking_uri:q} 2>&1 | tee {log}"

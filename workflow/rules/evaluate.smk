from calobatch.run.files import PLOTS


rule evaluate:
    input:
        predictions=rules.train.output.predictions,
        history=rules.train.output.history,
        record=rules.train.output.record,
    output:
        plots=report(
            [f"{RUN}/plots/{plot}.png" for plot in PLOTS],
            caption="../report/plot.rst",
            category="{task}",
            labels={"run": "{run}"},
        ),
        metrics=f"{RUN}/metrics.json",
    log:
        f"{LOGS}/evaluate/{{task}}/{{run}}.log",
    resources:
        **JOBS.of("data", mb=2000),
    params:
        folder=subpath(output.metrics, parent=True),
    shell:
        "{resources.start} calobatch evaluate {params.folder} 2>&1 | into_log {log}"

PLOTS = ["roc", "scores", "history", "calibration", "confusion"]


rule evaluate:
    input:
        predictions=rules.train.output.predictions,
        history=rules.train.output.history,
        record=rules.train.output.record,
    output:
        report(
            expand(
                f"{RESULTS}/{{{{task}}}}/seed{{{{seed}}}}/plots/{{plot}}.png",
                plot=PLOTS,
            ),
            caption="../report/plot.rst",
            category="{task}",
            labels={"seed": "{seed}"},
        ),
        metrics=f"{RESULTS}/{{task}}/seed{{seed}}/metrics.json",
    log:
        f"{LOGS}/evaluate/{{task}}/seed{{seed}}.log",
    resources:
        start=started_in("data"),
        mem_mb_per_cpu=memory(2000),
        slurm_account=of_site("account"),
        slurm_partition=of_site("partition"),
        slurm_extra=of_site("sbatch_options"),
    params:
        folder=subpath(output.metrics, parent=True),
    shell:
        "{resources.start} calobatch evaluate {params.folder} 2>&1 | tee {log}"

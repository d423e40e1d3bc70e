from calobatch.run.files import EXPORT_FOLDER, EXPORTED_FILES


# The record among these files lists the graphs, which not every model can be exported to.
rule export:
    input:
        unpack(lambda wildcards: jobs.store_of(SCENARIO, wildcards.task)),
        model=rules.train.output.model,
        metrics=rules.evaluate.output.metrics,
    output:
        [f"{RUN}/{EXPORT_FOLDER}/{name}" for name in EXPORTED_FILES],
    log:
        f"{LOGS}/export/{{task}}/{{run}}.log",
    resources:
        **JOBS.of("train", mb=2000),
    params:
        folder=subpath(input.metrics, parent=True),
        store=subpath(input.events, parent=True),
    shell:
        "{resources.start} calobatch export {params.folder} --store {params.store} 2>&1 | into_log {log}"

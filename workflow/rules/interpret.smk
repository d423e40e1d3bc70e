from calobatch.run.files import INTERPRETATION_FILES, INTERPRETATION_FOLDER


# One core each: trainings that are not finished need the others.
rule interpret:
    input:
        unpack(lambda wildcards: jobs.store_of(SCENARIO, wildcards.task)),
        model=rules.train.output.model,
        metrics=rules.evaluate.output.metrics,
    output:
        [f"{RUN}/{INTERPRETATION_FOLDER}/{name}" for name in INTERPRETATION_FILES],
    log:
        f"{LOGS}/interpret/{{task}}/{{run}}.log",
    resources:
        **JOBS.of("train", mb=2000),
    params:
        folder=subpath(input.metrics, parent=True),
        store=subpath(input.events, parent=True),
    shell:
        "{resources.start} calobatch interpret {params.folder} --store {params.store} 2>&1 | into_log {log}"

rule train:
    input:
        unpack(lambda wildcards: jobs.store_of(SCENARIO, wildcards.task)),
        start=lambda wildcards: starts.start_files(SCENARIO, wildcards.task),
        winner=lambda wildcards: searches.winner_files(SCENARIO, wildcards.task),
    # The checkpoint is not an output, because Snakemake deletes outputs before it runs a job again.
    output:
        model=f"{RUN}/model.safetensors",
        history=f"{RUN}/history.jsonl",
        predictions=f"{RUN}/predictions.parquet",
        record=f"{RUN}/run.json",
    log:
        f"{LOGS}/train/{{task}}/{{run}}.log",
    benchmark:
        f"{LOGS}/train/{{task}}/{{run}}.tsv"
    threads: lambda wildcards: jobs.cores_of_training(SCENARIO, wildcards.task)
    resources:
        **JOBS.of_training(),
    params:
        store=subpath(input.events, parent=True),
        folder=subpath(output.model, parent=True),
        settings=lambda wildcards: searches.settings_of(SCENARIO, wildcards.task),
        # Not used by the command: because of this parameter, a changed model is trained again.
        model_sha256=lambda wildcards: model_version(SCENARIO.tasks[wildcards.task].model),
    shell:
        "{resources.start} calobatch train {wildcards.task}"
        " --run {wildcards.run} --store {params.store} --output {params.folder}"
        " --hang-seconds {resources.hang_seconds} --settings {params.settings:q} 2>&1"
        " | into_log {log}"

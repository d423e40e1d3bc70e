rule train:
    input:
        unpack(lambda wildcards: jobs.store_of(SCENARIO, wildcards.task)),
    # The checkpoint beside these is no output: Snakemake deletes outputs before a rerun.
    output:
        model=f"{RESULTS}/{{task}}/seed{{seed}}/model.safetensors",
        history=f"{RESULTS}/{{task}}/seed{{seed}}/history.jsonl",
        predictions=f"{RESULTS}/{{task}}/seed{{seed}}/predictions.parquet",
        record=f"{RESULTS}/{{task}}/seed{{seed}}/run.json",
    log:
        f"{LOGS}/train/{{task}}/seed{{seed}}.log",
    benchmark:
        f"{LOGS}/train/{{task}}/seed{{seed}}.tsv"
    threads: lambda wildcards: jobs.cores_of_training(SCENARIO, wildcards.task)
    resources:
        **JOBS.of_training(),
    params:
        store=subpath(input.events, parent=True),
        folder=subpath(output.model, parent=True),
        settings=lambda wildcards: SCENARIO.tasks[wildcards.task].training().model_dump_json(),
        # The command does not use this; it is here so that a changed model trains again.
        model_sha256=lambda wildcards: sha256_of(model_source(SCENARIO.tasks[wildcards.task].model)),
    shell:
        "{resources.start} calobatch train {wildcards.task}"
        " --seed {wildcards.seed} --store {params.store} --output {params.folder}"
        " --settings {params.settings:q} 2>&1 | tee {log}"

rule train:
    input:
        unpack(store_of_task),
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
    threads: ranks
    # What starts the ranks takes -n; the SLURM profile sets it to srun.
    resources:
        mpi="calobatch launch",
        tasks=ranks,
    params:
        store=subpath(input.events, parent=True),
        folder=subpath(output.model, parent=True),
        settings=lambda wildcards: SCENARIO.tasks[wildcards.task].training().model_dump_json(),
        # Not used by the command: a changed model is another training.
        model_sha256=model_sha256,
    shell:
        "{resources.mpi} -n {resources.tasks} calobatch train {wildcards.task}"
        " --seed {wildcards.seed} --store {params.store} --output {params.folder}"
        " --settings {params.settings:q} 2>&1 | tee {log}"

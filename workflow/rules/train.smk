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
    threads: cores_of_training
    resources:
        start=ranks_started,
        mem_mb_per_cpu=memory_of_training,
        slurm_account=of_site("account"),
        slurm_partition=of_training("slurm_partition"),
        slurm_extra=of_training("slurm_extra"),
        mpi=of_training("mpi"),
        nodes=of_training("nodes"),
        tasks=of_training("tasks"),
        tasks_per_node=of_training("tasks_per_node"),
        tasks_per_gpu=of_training("tasks_per_gpu"),
        cpus_per_task=of_training("cpus_per_task"),
        gres=of_training("gres"),
    params:
        store=subpath(input.events, parent=True),
        folder=subpath(output.model, parent=True),
        settings=lambda wildcards: SCENARIO.tasks[wildcards.task].training().model_dump_json(),
        # Not used by the command: a changed model is another training.
        model_sha256=model_sha256,
    shell:
        "{resources.start} calobatch train {wildcards.task}"
        " --seed {wildcards.seed} --store {params.store} --output {params.folder}"
        " --settings {params.settings:q} 2>&1 | tee {log}"

rule simulate:
    output:
        f"{DATA}/raw/{{dataset}}/{{file}}",
    log:
        f"{LOGS}/simulate/{{dataset}}/{{file}}.log",
    benchmark:
        f"{LOGS}/simulate/{{dataset}}/{{file}}.tsv"
    threads: cores
    resources:
        start=started_in("data"),
        mem_mb_per_cpu=memory(2000),
        slurm_account=of_site("account"),
        slurm_partition=of_site("partition"),
        slurm_extra=of_site("sbatch_options"),
    params:
        layout=lambda wildcards: dataset_layout(wildcards.dataset).name,
        settings=lambda wildcards: SCENARIO.datasets[wildcards.dataset].model_dump_json(
            exclude={"split", "zero_below"}
        ),
    shell:
        "{resources.start} calobatch simulate {params.layout} --output {output} --settings {params.settings:q}"
        " --workers {threads} 2>&1 | tee {log}"

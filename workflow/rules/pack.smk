rule pack:
    input:
        lambda wildcards: raw_files(wildcards.dataset),
    output:
        events=f"{DATA}/packed/{{dataset}}/events.arrow",
        manifest=f"{DATA}/packed/{{dataset}}/manifest.json",
    log:
        f"{LOGS}/pack/{{dataset}}.log",
    benchmark:
        f"{LOGS}/pack/{{dataset}}.tsv"
    threads: cores
    resources:
        start=started_in("data"),
        mem_mb_per_cpu=memory(2000),
        slurm_account=of_site("account"),
        slurm_partition=of_site("partition"),
        slurm_extra=of_site("sbatch_options"),
    params:
        folder=subpath(output.events, parent=True),
        settings=lambda wildcards: packing(
            wildcards.dataset, SCENARIO.datasets[wildcards.dataset], PUBLIC_FILES
        ).model_dump_json(),
        pins=pins,
    shell:
        "{resources.start} calobatch pack {wildcards.dataset} {input} --output {params.folder}"
        " --settings {params.settings:q} --workers {threads} {params.pins} 2>&1 | tee {log}"

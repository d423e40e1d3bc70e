rule simulate:
    output:
        f"{DATA}/raw/{{dataset}}/{{file}}",
    log:
        f"{LOGS}/simulate/{{dataset}}/{{file}}.log",
    benchmark:
        f"{LOGS}/simulate/{{dataset}}/{{file}}.tsv"
    threads: JOBS.cores
    resources:
        **JOBS.of("data", mb=2000),
    params:
        layout=lambda wildcards: datasets.layout_of(SCENARIO, wildcards.dataset).name,
        settings=lambda wildcards: datasets.simulate_settings(SCENARIO, wildcards.dataset),
    shell:
        "{resources.start} calobatch simulate {params.layout} --output {output} --settings {params.settings:q}"
        " --workers {threads} 2>&1 | into_log {log}"

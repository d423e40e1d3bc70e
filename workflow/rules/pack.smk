rule pack:
    input:
        lambda wildcards: datasets.raw_files(SETUP, wildcards.dataset),
    output:
        events=f"{STORE}/{EVENTS_FILE}",
        manifest=f"{STORE}/{MANIFEST_FILE}",
    log:
        f"{LOGS}/pack/{{dataset}}.log",
    benchmark:
        f"{LOGS}/pack/{{dataset}}.tsv"
    threads: JOBS.cores
    resources:
        **JOBS.of("data", mb=2000),
    params:
        folder=subpath(output.events, parent=True),
        settings=lambda wildcards: datasets.pack_settings(SETUP, wildcards.dataset),
        pins=lambda wildcards: datasets.pins_option(SCENARIO, wildcards.dataset),
    shell:
        "{resources.start} calobatch pack {wildcards.dataset} {input:q} --output {params.folder}"
        " --settings {params.settings:q} --workers {threads} {params.pins} 2>&1 | into_log {log}"

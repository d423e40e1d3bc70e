# Runs where the head process runs: compute nodes often have no network.
localrules:
    fetch,


rule fetch:
    # With update(), Snakemake does not delete a file before it runs the rule again. The verb checks
    # a file that exists and does not download it again.
    output:
        update("data/public/{dataset}/{file}"),
    log:
        "logs/fetch/{dataset}/{file}.log",
    # A resource and not a parameter: a changed parameter makes Snakemake run the rule again, but a
    # different location of the same files must not.
    resources:
        location=lambda wildcards: datasets.location_option(SCENARIO, wildcards.dataset),
    shell:
        "calobatch fetch {wildcards.dataset} {wildcards.file} --output {output} {resources.location}"
        " 2>&1 | into_log {log}"

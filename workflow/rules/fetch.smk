# Login nodes have a network, compute nodes often have none.
localrules:
    fetch,


rule fetch:
    # update: a file that is already there is checked, not deleted and downloaded again.
    output:
        update("data/public/{dataset}/{file}"),
    log:
        "logs/fetch/{dataset}/{file}.log",
    # A resource and not a parameter, so that the same files from another place rerun nothing.
    resources:
        location=lambda wildcards: datasets.location_option(SCENARIO, wildcards.dataset),
    shell:
        "calobatch fetch {wildcards.dataset} {wildcards.file} --output {output} {resources.location}"
        " 2>&1 | tee {log}"

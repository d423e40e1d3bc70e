# Login nodes have a network, compute nodes often have none.
localrules:
    fetch,


rule fetch:
    # update: a file that is already there is checked, not deleted and downloaded again.
    output:
        update("data/public/{dataset}/{file}"),
    log:
        "logs/fetch/{dataset}/{file}.log",
    # A resource, not a parameter: files from another place are the same files, nothing reruns.
    resources:
        location=location,
    shell:
        "calobatch fetch {wildcards.dataset} {wildcards.file} --output {output} {resources.location}"
        " 2>&1 | tee {log}"

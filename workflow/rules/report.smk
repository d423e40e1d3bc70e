rule report:
    input:
        leaderboard=rules.collect.output.leaderboard,
        metrics=rules.collect.input.metrics,
        interpretations=rules.collect.input.interpretations,
        manifests=expand(f"{{store}}/{MANIFEST_FILE}", store=STORES),
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    resources:
        **JOBS.of("train", mb=2000),
    params:
        runs=RUNS,
        stores=STORES,
        # A function, because Snakemake would look for wildcards in a text, such as a title with {T}.
        settings=lambda wildcards: SCENARIO.model_dump_json(),
        changes=lambda wildcards: changes_in(config),
    shell:
        "{resources.start} calobatch report {params.runs} --stores {params.stores} --leaderboard {input.leaderboard}"
        " --settings {params.settings:q} --changes={params.changes:q} --output {output.page} 2>&1 | into_log {log}"

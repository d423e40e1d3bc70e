from calobatch.run.name import out_of_fold_files
from calobatch.tracking_uri import shown


# The only writer to MLflow. It runs where the head process runs, because compute nodes may not
# reach the store, and an SQLite file must be on a local disk.
localrules:
    collect,


IN_STORE = f"{RESULTS}/.in_store"
if workflow.is_main_process:
    forget_missing_store(TRACKING_URI, IN_STORE)


rule collect:
    input:
        metrics=expand("{run}/metrics.json", run=RUNS),
        plots=expand("{run}/plots/{plot}.png", run=RUNS, plot=PLOTS),
        records=expand("{run}/run.json", run=RUNS),
        exports=expand(f"{{run}}/{EXPORT_FOLDER}/{{file}}", run=RUNS, file=EXPORTED_FILES),
        interpretations=expand(
            f"{{run}}/{INTERPRETATION_FOLDER}/{{file}}", run=RUNS, file=INTERPRETATION_FILES
        ),
        ensembles=expand(rules.evaluate_ensemble.output.metrics, ensemble=MEMBERS),
        trials=[searches.outcomes_of(SCENARIO, task) for task in SCENARIO.searched],
    output:
        leaderboard=report(
            f"{RESULTS}/leaderboard.csv",
            caption="../report/leaderboard.rst",
            category="Leaderboard",
        ),
        # None if no dataset has folds.
        out_of_fold=[f"{RESULTS}/{file}" for file in out_of_fold_files(SCENARIO)],
        in_store=touch(IN_STORE),
    log:
        f"{LOGS}/collect.log",
    resources:
        **JOBS.here("train"),
    params:
        runs=RUNS,
        # Functions, because Snakemake would look for wildcards in texts, such as a title with {T}.
        settings=lambda wildcards: SCENARIO.model_dump_json(),
        # Only for Snakemake, which collects again into a new store. The verb takes the address from
        # the environment, because it may contain a password.
        store=lambda wildcards: shown(TRACKING_URI),
    shell:
        "{resources.start} calobatch collect {params.runs} --leaderboard {output.leaderboard}"
        " --settings {params.settings:q} 2>&1 | into_log {log}"

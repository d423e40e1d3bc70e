from calobatch.run.files import PLOTS_OF_ENSEMBLE
from calobatch.run.name import members_of

ENSEMBLE = f"{RESULTS}/{{ensemble}}"
# All trainings of an ensemble, as the folders of their runs.
MEMBERS = {
    name: [f"{RESULTS}/{member.folder}" for member in members_of(SCENARIO, name)]
    for name in SCENARIO.ensembles
}


rule ensemble:
    input:
        records=lambda wildcards: expand("{run}/run.json", run=MEMBERS[wildcards.ensemble]),
        # Evaluate refuses scores that are not probabilities.
        metrics=lambda wildcards: expand("{run}/metrics.json", run=MEMBERS[wildcards.ensemble]),
    output:
        predictions=f"{ENSEMBLE}/predictions.parquet",
        record=f"{ENSEMBLE}/ensemble.json",
    log:
        f"{LOGS}/ensemble/{{ensemble}}.log",
    resources:
        **JOBS.of("data", mb=2000),
    params:
        members=lambda wildcards: MEMBERS[wildcards.ensemble],
        folder=subpath(output.record, parent=True),
    shell:
        "{resources.start} calobatch ensemble {wildcards.ensemble} {params.members}"
        " --output {params.folder} 2>&1 | into_log {log}"


# The same as evaluate, without the history that only a training has.
use rule evaluate as evaluate_ensemble with:
    input:
        predictions=rules.ensemble.output.predictions,
        record=rules.ensemble.output.record,
    output:
        plots=report(
            [f"{ENSEMBLE}/plots/{plot}.png" for plot in PLOTS_OF_ENSEMBLE],
            caption="../report/plot_of_ensemble.rst",
            category="{ensemble}",
        ),
        metrics=f"{ENSEMBLE}/metrics.json",
    log:
        f"{LOGS}/evaluate_ensemble/{{ensemble}}.log",

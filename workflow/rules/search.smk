# Searches for hyperparameters. The number of trials is that of the scenario, so that the whole DAG
# is known before the first one: a step proposes settings, its trials are trained, and so on.
from calobatch.run.trials import SEARCH_FOLDER, WINNER
from calobatch.workflow import searches


# These run where the head process runs, because they take a second, and a job's time in the queue
# would be added for each step.
localrules:
    propose,
    choose,


SEARCH = f"{RESULTS}/{{task}}/{SEARCH_FOLDER}"


wildcard_constraints:
    step="step[0-9]+",
    place="[0-9]+",


rule propose:
    input:
        outcomes=lambda wildcards: searches.outcomes_before(
            SCENARIO, wildcards.task, wildcards.step
        ),
    output:
        f"{SEARCH}/{{step}}.json",
    log:
        f"{LOGS}/propose/{{task}}/{{step}}.log",
    resources:
        **JOBS.here("train"),
    params:
        settings=lambda wildcards: searches.request_of(SCENARIO, wildcards.task, wildcards.step),
    shell:
        "{resources.start} calobatch propose {wildcards.task} {input.outcomes} --output {output}"
        " --settings {params.settings:q} 2>&1 | into_log {log}"


# A training like any other. Its files are not outputs, because it goes on in the next round.
rule trial:
    input:
        unpack(lambda wildcards: jobs.store_of(SCENARIO, wildcards.task)),
        proposal=f"{SEARCH}/{{step}}.json",
        start=lambda wildcards: starts.start_files(SCENARIO, wildcards.task),
    output:
        f"{SEARCH}/{{step}}/{{place}}.json",
    log:
        f"{LOGS}/trial/{{task}}/{{step}}_{{place}}.log",
    benchmark:
        f"{LOGS}/trial/{{task}}/{{step}}_{{place}}.tsv"
    threads: lambda wildcards: jobs.cores_of_training(SCENARIO, wildcards.task)
    resources:
        **JOBS.of_training(),
    params:
        store=subpath(input.events, parent=True),
        folder=subpath(input.proposal, parent=True),
        # Not used by the command: because of this parameter, a changed model is trained again.
        model_sha256=lambda wildcards: model_version(SCENARIO.tasks[wildcards.task].model),
    shell:
        "{resources.start} calobatch trial {input.proposal} {wildcards.place}"
        " --store {params.store} --folder {params.folder} --output {output}"
        " --hang-seconds {resources.hang_seconds} 2>&1 | into_log {log}"


rule choose:
    input:
        outcomes=lambda wildcards: searches.outcomes_of_last_round(SCENARIO, wildcards.task),
    output:
        f"{SEARCH}/{WINNER}",
    log:
        f"{LOGS}/choose/{{task}}.log",
    resources:
        **JOBS.here("train"),
    params:
        epochs=lambda wildcards: SCENARIO.tasks[wildcards.task].epochs,
    shell:
        "{resources.start} calobatch choose {wildcards.task} {input.outcomes} --output {output}"
        " --epochs {params.epochs} 2>&1 | into_log {log}"

# calobatch: detector images to trained classifiers.
#
#   snakemake -n                                          what would be done
#   snakemake --profile cluster/local                     on this machine
#   snakemake --profile slurm                             on a SLURM cluster
#   snakemake ... --config scenario=cms                   another scenario of config/
#   snakemake ... --config set=tasks.electron_photon_cnn.epochs=5

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

# The code of this folder is used, even if the folder is a copy and its environment was made for the
# original.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))


# The folder of the images. Snakemake does not use it, because it would run srun inside an image.
# Instead, `calobatch contain` starts jobs in their images (workflow/rules/cluster.smk).
container: "containers/images"


include: "workflow/rules/scenario.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/pack.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/ensemble.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/interpret.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.collect.output,
        f"{RESULTS}/report.html",
        # All of them, so that a file that was deleted is made again.
        expand("{run}/plots/{plot}.png", run=RUNS, plot=PLOTS),
        expand("{run}/{file}", run=RUNS, file=TRAINING_FILES),
        expand(rules.evaluate_ensemble.output.plots, ensemble=MEMBERS),
        rules.collect.input.exports,
        rules.collect.input.interpretations,

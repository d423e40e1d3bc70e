# calobatch: detector images to trained classifiers.
#
#   snakemake -n                                          what would be done
#   snakemake --profile cluster/local                     on this machine
#   snakemake --profile slurm                             on a SLURM cluster
#   snakemake ... --config scenario=cms                   another scenario of config/
#   snakemake ... --config set=tasks.electron_photon_cnn.epochs=5

from snakemake.utils import min_version

min_version("9.27")


# Where the images are stored. Snakemake itself does not use this line: it would put srun inside an
# image. Jobs are started in their images by `calobatch contain` (workflow/rules/cluster.smk).
container: "containers/images"


include: "workflow/rules/scenario.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/pack.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.collect.output,
        f"{RESULTS}/report.html",

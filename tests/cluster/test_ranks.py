"""Ranks on two nodes: their places, and the errors when they cannot connect to each other."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cluster.own_crops import DATASET

SCENARIO = f"""title: Ranks on two nodes
datasets:
  electron_photon: {DATASET}
tasks:
  electron_photon_cnn: {{epochs: 1}}
"""
STORE = "data/ranks/packed/electron_photon"
PACK = f"snakemake --profile slurm {STORE}/manifest.json --config scenario=ranks"
TRAINING = {
    "model": "cnn",
    "epochs": 1,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "ranks": 4,
}
SRUN = (
    "srun --account physics --nodes 2 --ntasks 4 --ntasks-per-node 2 --gres gpu:2"
    " --kill-on-bad-exit=1 --time 5 calobatch contain train -- "
)
# One rank per node is enough where the number does not matter, and starts sooner.
SRUN_2 = SRUN.replace("--ntasks 4 --ntasks-per-node 2 --gres gpu:2", "--ntasks 2 --gres gpu:1")
# Neither root nor the user of the ranks.
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
PLACE = re.compile(r"rank (\d) of 4 on (\w+), local rank (\d), GPUs (\S+), (\w+), meeting at (\S+)")


@pytest.fixture(scope="module")
def packed(ready):
    ready.write("config/ranks.yaml", SCENARIO)
    ready.write_crops()
    ready.shell(PACK)
    return ready


def train(output, **changes):
    settings = json.dumps(TRAINING | changes)
    return (
        f"calobatch train two_nodes --run seed1 --store {STORE} --output results/{output}"
        f" --settings '{settings}'"
    )


def failure(testbed, command):
    """Run a command that must fail by itself, and return its output.

    After 5 minutes SLURM would end it, without the message that a test looks for.
    """
    answer = testbed.shell(command, check=False)
    assert answer.returncode
    return answer.stdout + answer.stderr


def test_every_rank_has_its_own_place_and_the_gpus_of_its_node(packed):
    output = packed.shell(SRUN + train("two_nodes")).stderr
    places = PLACE.findall(output)
    assert {place[:4] for place in places} == {
        ("0", "c1", "0", "0,1"),
        ("1", "c1", "1", "0,1"),
        ("2", "c2", "0", "0,1"),
        ("3", "c2", "1", "0,1"),
    }
    # Ranks on the first node know rank 0 by its address, and the others by the name of the node.
    assert len({place[5].rpartition(":")[2] for place in places}) == 1
    assert "lo" not in {place[4] for place in places}
    record = json.loads((packed.folder / "results/two_nodes/run.json").read_text())
    assert (record["ranks"], record["hosts"]) == (4, ["c1", "c2"])


def test_torch_distributed_also_connects_ranks_on_two_nodes(packed):
    packed.shell(SRUN_2 + train("torch", communicator="torch", ranks=2))
    assert (packed.folder / "results/torch/predictions.parquet").exists()


def test_another_user_on_another_node_gets_nothing_from_the_ranks_and_changes_nothing(packed):
    shutil.copy(Path(__file__).with_name("attack.py"), packed.folder)
    training = packed.start(SRUN + train("attacked"))
    lines = []
    for line in training.stdout:
        lines.append(line)
        if place := PLACE.search(line):
            break
    port = place[6].rpartition(":")[2]
    attack = ("python3", str(packed.folder / "attack.py"), "c1", port)
    answers = json.loads(packed.node("c2", "exec", *AS_NOBODY, *attack))
    output = "".join(lines) + training.communicate(timeout=300)[0]
    assert {tuple(answer) for answer in answers} == {(403, "")}, output
    assert training.returncode == 0, output
    for node in ("c1", "c2"):
        assert "code_of_the_attack" not in packed.node(node, "exec", "ls", "/tmp")
    results = packed.folder / "results"
    attacked, quiet = (results / n / "predictions.parquet" for n in ("attacked", "two_nodes"))
    assert attacked.read_bytes() == quiet.read_bytes()


def test_a_wrong_number_of_ranks_is_named(packed):
    output = failure(packed, SRUN_2 + train("wrong"))
    assert "two_nodes needs 4 ranks, but 2 were started" in output


def test_a_port_in_use_is_named(packed):
    """The batch script occupies the port on the first node, where rank 0 of step 0 listens.

    It never answers, so that the other ranks wait for an answer and cannot fail before rank 0 does.
    """
    packed.write(
        "occupied.sh",
        "#!/bin/bash\n"
        "port=$((20000 + SLURM_JOB_ID * 31 % 10000))\n"
        "python -c 'import socket, time; s = socket.create_server((\"\", '$port'));"
        " time.sleep(290)' &\n"
        f"sleep 2\n{SRUN_2}{train('occupied', ranks=2)}\n",
    )
    options = "--account physics --time 5 --nodes 2 --ntasks-per-node 2 --gres gpu:2"
    output = failure(
        packed,
        f"sbatch --wait {options} --output occupied.log occupied.sh; code=$?; cat occupied.log;"
        " exit $code",
    )
    assert re.search(r"rank 0 cannot listen on port \d+ \(.*in use", output)


def test_a_first_node_that_cannot_be_reached_is_named(packed):
    address = packed.shell("getent hosts c1").stdout.split()[0]
    packed.node("c2", "exec", "ip", "route", "add", "blackhole", address)
    try:
        output = failure(packed, SRUN_2 + train("unreachable", ranks=2))
    finally:
        packed.node("c2", "exec", "ip", "route", "del", "blackhole", address)
    assert re.search(
        r"(cannot reach rank 0 at c1:\d+|no network interface leads from c2 to c1)", output
    )

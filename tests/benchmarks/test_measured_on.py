"""The commits of several trainings are named, each once."""

from dataclasses import replace

from benchmarks.measured_on import commits_of
from tests.run.examples import run_folder


def test_each_commit_is_named_once_in_the_order_of_the_trainings(tmp_path):
    def run(commit, finished, dirty=False):
        found = run_folder(tmp_path, 5)
        origin = found.record.provenance.model_copy(
            update={"git_commit": commit, "git_dirty": dirty}
        )
        changes = {"provenance": origin, "finished": finished}
        return replace(found, record=found.record.model_copy(update=changes))

    first, second, third = "a" * 40, "b" * 40, "c" * 40
    runs = [run(second, 2.0), run(first, 1.0), run(second, 3.0)]
    assert commits_of(runs) == f"commits {first[:12]} and {second[:12]}"
    assert commits_of([run(third, 1.0, dirty=True)]) == f"commit {third[:12]} with changes"
    assert commits_of([run("", 1.0)]) == "commit unknown"

from argparse import Namespace

from calobatch.verbs.verb import overrides_of
from calobatch.workflow.last_changes import note_changes


def test_changes_are_those_of_the_last_run_unless_the_user_names_some(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert overrides_of(Namespace(scenario="mine", overrides=None)) == ""
    assert capsys.readouterr().err == ""
    note_changes("mine", "seeds=[1,2] tasks.a.epochs=3")
    # A scenario may be named by the path to its file.
    for name in ("mine", "config/mine.yaml"):
        taken = overrides_of(Namespace(scenario=name, overrides=None))
        assert taken == "seeds=[1,2] tasks.a.epochs=3"
        assert "--set 'seeds=[1,2] tasks.a.epochs=3'" in capsys.readouterr().err
    assert overrides_of(Namespace(scenario="mine", overrides="seeds=[4]")) == "seeds=[4]"
    assert overrides_of(Namespace(scenario="mine", overrides="")) == ""
    note_changes("mine", "")
    assert overrides_of(Namespace(scenario="mine", overrides=None)) == ""

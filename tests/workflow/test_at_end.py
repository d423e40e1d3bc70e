"""The user's own command at the end of a run never changes how the run ends."""

import pytest

from calobatch.workflow import at_end
from calobatch.workflow.at_end import VARIABLE, Outcome, tell_command


def tell(command):
    tell_command(Outcome.FINISHED, "mine", "All done", {VARIABLE: command} if command else {})


def test_the_command_gets_the_summary_the_scenario_and_the_outcome(tmp_path):
    tell(f'(echo "$CALOBATCH_SCENARIO $CALOBATCH_OUTCOME"; cat) >{tmp_path / "message"}')
    assert (tmp_path / "message").read_text() == "mine finished\nAll done\n"


def test_nothing_happens_without_a_command(capfd):
    tell(None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("command", "why"), [("exit 3", "exit status 3"), ("sleep 60", "timed out")]
)
def test_a_command_that_fails_is_told(monkeypatch, capsys, command, why):
    monkeypatch.setattr(at_end, "SECONDS", 0.2)
    tell(command)
    told = capsys.readouterr().err
    assert told.startswith(f"calobatch: the command in {VARIABLE} failed (")
    assert why in told

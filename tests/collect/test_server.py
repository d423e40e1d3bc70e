"""MLflow's server on PostgreSQL, with users: who may do what, and what it has in the end.

Whatever disturbs collect, the same command then leaves the same content, which is compared with
that of an SQLite file. Each test has an experiment and a checkout of its own.
"""

import os
import shutil
import threading
import time

import pytest
import requests
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.errors import UserError
from calobatch.tracking import retries
from calobatch.tracking.ask import require_tracking_store
from tests.collect.mlflow_content import content
from tests.mlflow_server import ADMIN, PASSWORD, MlflowServer, postgresql

KILLED = 9


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with postgresql() as databases, pytest.MonkeyPatch.context() as patched:
        server = MlflowServer(databases, tmp_path_factory.mktemp("server"))
        try:
            server.start()
            log_in(patched, ADMIN)
            server.add_users("anna", "bob")
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def expected(scenario, runs, tmp_path_factory):
    """What every store has in the end."""
    folder = tmp_path_factory.mktemp("expected")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        collect(scenario, runs, f"sqlite:///{folder}/mlflow.db", folder / "leaderboard.csv")
    return content(f"sqlite:///{folder}/mlflow.db", "calobatch")


@pytest.fixture
def experiment(server, tmp_path, monkeypatch, request):
    """The name of the test's experiment; Anna has logged in, in a checkout of her own."""
    monkeypatch.chdir(tmp_path)
    log_in(monkeypatch, "anna")
    name = request.node.name
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    return name


def log_in(patched, name, password=PASSWORD):
    patched.setenv("MLFLOW_TRACKING_USERNAME", name)
    patched.setenv("MLFLOW_TRACKING_PASSWORD", password)


def forked(work):
    """Start ``work`` in a process of its own; return a function that waits for its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def before_request(number, action):
    """Call ``action`` before this process sends its request with this ``number``."""
    send, count = requests.Session.request, iter(range(1, 1_000_000))

    def request(session, *words, **options):
        if next(count) == number:
            action()
        return send(session, *words, **options)

    requests.Session.request = request


def test_a_server_has_what_a_file_has(server, experiment, expected, scenario, runs, tmp_path):
    collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")
    assert content(server.uri, experiment) == expected
    collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")
    assert content(server.uri, experiment) == expected


def test_after_kills_at_many_requests_the_content_is_the_same(
    server, experiment, expected, scenario, runs, tmp_path
):
    for kills in range(100):

        def work(number=1 + 4 * kills):
            before_request(number, lambda: os._exit(KILLED))
            collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")

        if (end := forked(work)()) != KILLED:
            break
        assert not (tmp_path / "leaderboard.csv").exists()
    assert end == 0
    assert kills >= 10
    assert content(server.uri, experiment) == expected


def test_two_at_once_write_each_training_once(
    server, experiment, expected, scenario, runs, tmp_path
):
    def work():
        collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")

    ends = [forked(work) for _ in range(2)]
    assert [end() for end in ends] == [0, 0]
    assert content(server.uri, experiment) == expected


def test_results_of_another_machine_have_the_same_content(
    server, experiment, expected, scenario, runs, tmp_path
):
    copies = [shutil.copytree(run, tmp_path / "copied" / run.name) for run in runs]
    collect(scenario, copies, server.uri, tmp_path / "leaderboard.csv")
    assert content(server.uri, experiment) == expected


def test_a_server_that_is_away_for_long_ends_collect_and_the_same_command_completes_it(
    server, experiment, expected, scenario, runs, tmp_path, monkeypatch
):
    monkeypatch.setenv(retries.VARIABLE, "2")
    with monkeypatch.context() as patched:
        patched.setattr(requests.Session, "request", requests.Session.request)
        before_request(20, server.stop)
        with pytest.raises(UserError, match="start it, and run the same command again"):
            collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")
    assert not (tmp_path / "leaderboard.csv").exists()
    server.start()
    collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")
    assert content(server.uri, experiment) == expected


def test_a_short_absence_is_told_once_and_waited_for(
    server, experiment, expected, scenario, runs, tmp_path, monkeypatch, capfd
):
    def restart():
        server.stop()
        threading.Timer(1, server.start).start()

    with monkeypatch.context() as patched:
        patched.setattr(requests.Session, "request", requests.Session.request)
        before_request(20, restart)
        collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")
    told = f"calobatch: MLflow's server {server.uri} does not answer; trying again for about 62 s"
    assert capfd.readouterr().err.splitlines().count(told) == 1
    assert content(server.uri, experiment) == expected


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "another password"), ("nobody", PASSWORD)],
    ids=["password", "user"],
)
def test_a_login_that_the_server_does_not_know_is_told(
    server, experiment, scenario, runs, tmp_path, monkeypatch, name, password
):
    log_in(monkeypatch, name, password)
    begin = time.monotonic()
    message = "does not accept this login; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASS"
    with pytest.raises(UserError, match=message) as raised:
        collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")
    assert password not in str(raised.value)
    # The same is found before the first training.
    with pytest.raises(UserError, match=message):
        require_tracking_store(server.uri)
    assert time.monotonic() - begin < 30
    log_in(monkeypatch, ADMIN)
    assert MlflowClient(server.uri).get_experiment_by_name(experiment) is None


def test_a_database_that_refuses_the_password_or_is_away_is_told_at_once(
    server, scenario, runs, tmp_path
):
    address = f"{server.databases}/runs"
    for uri, message in (
        (address.replace(PASSWORD, "another"), "correct the user or the password in the address"),
        ("postgresql://mlflow:another@127.0.0.1:9/runs", "start it, or set MLFLOW_TRACKING_URI"),
    ):
        begin = time.monotonic()
        with pytest.raises(UserError, match=message) as raised:
            collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
        assert "another@" not in str(raised.value)
        assert time.monotonic() - begin < 30


def test_a_user_who_may_only_read_is_told_and_changes_nothing(
    server, experiment, expected, scenario, runs, tmp_path, monkeypatch
):
    require_tracking_store(server.uri)  # the experiment is not there yet
    collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")
    require_tracking_store(server.uri)
    log_in(monkeypatch, "bob")
    other = tmp_path / "of bob"
    other.mkdir()
    monkeypatch.chdir(other)
    message = "does not let this user write to the experiment; ask its owner for the permission"
    with pytest.raises(UserError, match=message):
        require_tracking_store(server.uri)
    with pytest.raises(UserError, match=message):
        collect(scenario, runs, server.uri, other / "leaderboard.csv")
    assert content(server.uri, experiment) == expected


def test_two_users_in_one_experiment_leave_each_other_alone(
    server, experiment, scenario, runs, tmp_path, monkeypatch
):
    collect(scenario, runs, server.uri, tmp_path / "leaderboard.csv")
    client = MlflowClient(server.uri)
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    of_anna = {run.info.run_id: run.data.tags for run in client.search_runs([experiment_id])}
    server.permit(experiment_id, "bob", "EDIT")
    log_in(monkeypatch, "bob")
    other = tmp_path / "of bob"
    other.mkdir()
    monkeypatch.chdir(other)
    collect(scenario, runs, server.uri, other / "leaderboard.csv")
    after = {run.info.run_id: run.data.tags for run in client.search_runs([experiment_id])}
    assert {run_id: after[run_id] for run_id in of_anna} == of_anna
    assert len(after) == 2 * len(of_anna)

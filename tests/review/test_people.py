"""Invitations, and the commands `lenet review invite`, `revoke`, `people` and `serve`."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import duckdb
import httpx
import pytest

from lenet_pipeline.errors import ReviewError
from lenet_pipeline.review import invite, list_people, revoke
from lenet_pipeline.review.people import find_person
from lenet_pipeline.review.sessions import RECHECK_S, FailedSignIns, Sessions
from lenet_pipeline.settings import Settings
from tests.homes import Run


def test_only_the_hash_of_a_token_is_stored(empty: Settings) -> None:
    invitation = invite(empty, "  Ada Lovelace ")
    assert invitation.name == "Ada Lovelace"
    assert len(invitation.token) >= 43  # 32 random bytes
    digest = hashlib.sha256(invitation.token.encode()).hexdigest()
    with duckdb.connect(str(empty.warehouse.path), read_only=True) as connection:
        rows = connection.execute(
            "select name, token_sha256, invited_by, revoked_at from reviewers"
        ).fetchall()
    assert rows == [("Ada Lovelace", digest, "tester", None)]
    assert invitation.token.encode() not in empty.warehouse.path.read_bytes()


def test_person_has_several_tokens_until_all_are_revoked(empty: Settings) -> None:
    tokens = [invite(empty, "Ada").token for _ in range(2)]
    found = [find_person(empty.warehouse, "Ada", token) for token in tokens]
    assert len({person.token_id for person in found if person}) == 2
    assert revoke(empty, "Ada") == 2
    assert [find_person(empty.warehouse, "Ada", token) for token in tokens] == [None, None]
    later = invite(empty, "Ada").token
    assert find_person(empty.warehouse, "Ada", later)
    assert [row["is_revoked"] for row in list_people(empty).to_pylist()] == [True, True, False]


@pytest.mark.parametrize("name", ["", "   ", "a" * 65, "A\nda", "A\x00da", "A\u202eda", "A\ud800"])
def test_name_that_cannot_be_shown_is_refused(empty: Settings, name: str) -> None:
    with pytest.raises(ReviewError):
        invite(empty, name)
    assert len(list_people(empty)) == 0


def test_name_in_another_unicode_form_is_the_same_name(empty: Settings) -> None:
    token = invite(empty, "Rene\u0301").token
    assert find_person(empty.warehouse, "Ren\xe9", token)


def test_session_asks_for_its_token_at_most_every_ten_seconds() -> None:
    now, asked = 0.0, []

    def is_valid(token_id: object) -> bool:
        asked.append(now)
        return now < 25

    sessions = Sessions(is_valid, clock=lambda: now)
    session = sessions.start(uuid4(), "Ada")
    for _ in range(20):
        now += 1
        assert sessions.find(session.session_id) is session
    assert asked == [RECHECK_S, 2 * RECHECK_S]
    now = 30.0
    assert sessions.find(session.session_id) is None
    now = 0.0
    assert sessions.find(session.session_id) is None


def test_failed_sign_ins_are_counted_per_address_and_minute() -> None:
    now = 0.0
    failed = FailedSignIns(2, clock=lambda: now)
    failed.add("a")
    failed.add("a")
    assert (failed.is_blocked("a"), failed.is_blocked("b")) == (True, False)
    failed.forget("a")
    assert not failed.is_blocked("a")
    failed.add("a")
    now = 61.0
    assert not failed.is_blocked("a")


def test_invited_people_are_listed_and_revoked_by_command(lenet: Run, home: Path) -> None:
    assert "no person invited yet" in lenet("review", "people").stdout
    assert lenet("review", "people", "--format", "json").stdout == "[]\n"
    done = lenet("review", "invite", "Ada [bold]")
    assert done.returncode == 0, done.stderr
    assert "lenet review serve" in done.stdout
    assert "name   Ada [bold]" in done.stdout
    (row,) = json.loads(lenet("review", "people", "--format", "json").stdout)
    assert list(row) == ["name", "invited_at", "invited_by", "is_revoked"]
    assert (row["name"], row["invited_by"], row["is_revoked"]) == ("Ada [bold]", "tester", False)
    assert "no invited person 'Grace'; available: Ada [bold]" in lenet("review", "revoke", "Grace").stderr
    assert lenet("review", "revoke", "Ada [bold]").stdout.startswith("1 token of Ada [bold] revoked")
    assert "none yet" in lenet("review", "revoke", "Ada [bold]").stderr


def test_server_that_cannot_start_says_why_in_one_line(lenet: Run, home: Path) -> None:
    remote = lenet("review", "serve", "--host", "0.0.0.0")  # noqa: S104
    assert (remote.returncode, remote.stderr.count("\n")) == (1, 1)
    assert "--allow-remote" in remote.stderr
    assert not home.exists()
    alone = lenet("review", "serve", "--port", "0")
    assert (alone.returncode, alone.stderr.count("\n")) == (1, 1)
    assert "lenet review invite NAME" in alone.stderr
    lenet("review", "invite", "Ada")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = lenet("review", "serve", "--port", str(taken.getsockname()[1]))
    assert (used.returncode, used.stderr.count("\n")) == (1, 1)
    assert "the port is in use; choose another one with --port" in used.stderr
    unknown = lenet("review", "serve", "--host", "no.such.host.invalid", "--allow-remote")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)


def test_server_runs_once_per_home_until_ctrl_c(lenet: Run, environment: dict[str, str], home: Path) -> None:
    lenet("review", "invite", "Ada")
    command = [sys.executable, "-m", "lenet_pipeline.cli", "review", "serve", "--port", "0"]
    with subprocess.Popen(
        command,
        env={**environment, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        address = process.stdout.readline().split()[-1]
        assert "Ctrl-C stops the server" in process.stdout.readline()
        assert httpx.get(f"{address}sign-in", trust_env=False).status_code == 200
        second = lenet("review", "serve", "--port", "0")
        assert second.returncode == 1
        assert f"process {process.pid}" in second.stderr
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest == ("", "")

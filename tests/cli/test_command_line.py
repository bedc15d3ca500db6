"""The ``lenet`` command as a person or a script meets it: exit codes, one clear line, formats."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import matplotlib
import pyarrow.parquet as pq
import pytest
from PIL import Image
from prefect.settings import PREFECT_API_URL, temporary_settings

from lenet_pipeline.lake.datasets import read_manifest, read_shard
from lenet_pipeline.settings import Settings
from tests.homes import Run

ALL_COMMANDS = [
    ["demo"],
    ["ingest", "optdigits"],
    ["ingest", "mnist"],
    ["ingest", "idx"],
    ["ingest", "images"],
    ["ingest", "printed"],
    ["ingest", "unipen"],
    ["train"],
    ["score"],
    ["serve"],
    ["up"],
    ["datasets"],
    ["architectures"],
    ["architectures", "show"],
    ["models"],
    ["models", "show"],
    ["models", "promote"],
    ["models", "rollback"],
    ["audit"],
    ["check"],
    ["sql"],
]


def one_error_line(result: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_every_command_explains_itself_and_takes_the_common_options(lenet: Run) -> None:
    for arguments in ALL_COMMANDS:
        result = lenet(*arguments, "--help")
        assert result.returncode == 0, arguments
        for option in ("--home", "--actor", "--debug"):
            assert option in result.stdout, (arguments, option)
        assert "Example:" in result.stdout, arguments
        assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_help_of_lenet_lists_every_command(lenet: Run) -> None:
    result = lenet("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert all(f" {name} " in result.stdout for name in ("demo", "score", "check", "snapshot", "sql"))


def without_progress(errors: str) -> str:
    """Leave out the lines on long work that a slow machine prints."""
    return "".join(line for line in errors.splitlines(keepends=True) if not line.endswith(" s left\n"))


@pytest.mark.slow
def test_the_demo_runs_to_the_end_twice_and_the_second_adds_no_row(
    lenet: Run, lenet_process: Run, home: Path
) -> None:
    first = lenet_process("demo")
    assert (first.returncode, without_progress(first.stderr)) == (0, "")
    assert "Try next" in first.stdout
    (waiting,) = json.loads(
        lenet("sql", "select count(*) n from review_queue where not has_label", "--format", "json").stdout
    )
    assert 0 < waiting["n"] < 96  # fields of the filled forms
    assert f"{waiting['n']} values wait for a person; to confirm or correct them" in first.stdout
    assert "review serve --open" in first.stdout
    assert max(map(len, first.stdout.replace(str(home), "").splitlines())) <= 80
    counts = "select (select count(*) from predictions) p, (select count(*) from promotions) q"
    before = lenet("sql", counts, "--format", "json").stdout
    second = lenet_process("demo")
    assert (second.returncode, second.stderr) == (0, "")
    for skipped in (
        "0 digits added, 1,446 already there",
        "skipped: digits/1",
        "skipped: policy 1",
        "nothing to do",
    ):
        assert skipped in second.stdout
    assert lenet("sql", counts, "--format", "json").stdout == before


def test_rows_come_as_json_csv_and_parquet(lenet: Run, settings: Settings, tmp_path: Path) -> None:
    statement = "select action, model_version from promotions order by 1"
    expected = [{"action": "promote", "model_version": 1}, {"action": "register", "model_version": 1}]
    assert json.loads(lenet("sql", statement, "--format", "json").stdout) == expected
    rows = list(csv.DictReader(io.StringIO(lenet("sql", statement, "--format", "csv").stdout)))
    assert rows == [{"action": "promote", "model_version": "1"}, {"action": "register", "model_version": "1"}]
    result = lenet("sql", statement, "--format", "parquet", "--output", str(tmp_path / "rows.parquet"))
    assert "2 rows written" in result.stdout
    assert pq.read_table(tmp_path / "rows.parquet").to_pylist() == expected


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["score", "nowhere/test"],
            1,
            "no dataset 'nowhere/test'; available: optdigits/test, optdigits/train",
        ),
        (["audit", "everything"], 1, "'everything'"),
        (["audit", "everything"], 1, ", evidence, "),
        (["audit", "low_confidence", "--param", "above=1"], 1, "above"),
        (["audit", "low_confidence", "--param", "below"], 1, "write it as --param below=..."),
        (["audit", "rejects", "--param", "limit=many"], 1, "limit"),
        (["audit", "low_confidence"], 1, "no scoring run yet; run `lenet score` first"),
        (["audit", "digit_history"], 1, "digit"),
        (["sql", "drop table predictions"], 1, "only read-only queries are allowed"),
        (["sql", "select * from 'other.csv'"], 1, "other.csv"),
        (["models", "promote", "9", "--reason", "a guess"], 1, "the model digits has no version '9'"),
        (["ingest", "images", "nowhere"], 1, "nowhere"),
        (["ingest", "mnist", "--root", "nowhere"], 1, "nowhere"),
        (["ingest", "optdigits", "--name", "../x"], 1, "not a dataset name"),
        (["ingest", "printed", "--name", "a/b"], 1, "not a dataset name"),
        (
            ["ingest", "printed", "--fonts", "nowhere"],
            1,
            "give a folder of .ttf, .otf, .woff or .woff2 files",
        ),
        (["ingest", "unipen", "--root", "nowhere"], 1, "give UNIPEN's folder with data and include"),
        (["ingest", "unipen", "--root", "nowhere", "--name", "a/b"], 1, "not a dataset name"),
        (["ingest", "printed", "--degradation", "dire"], 1, "no degradation 'dire'"),
        (["train", "optdigits/train", "--device", "abacus"], 1, "no device 'abacus'"),
    ],
)
def test_a_mistake_is_one_clear_line_and_an_exit_code(
    lenet: Run, settings: Settings, arguments: list[str], code: int, message: str
) -> None:
    result = lenet(*arguments)
    assert result.returncode == code
    assert message in one_error_line(result)


def test_serving_without_a_server_says_how_to_start_one(
    lenet: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with temporary_settings({PREFECT_API_URL: None}):
        result = lenet("serve", PREFECT_API_URL="")
    assert result.returncode == 1
    assert "run `prefect server start`" in one_error_line(result)


def test_a_usage_mistake_exits_with_2(lenet: Run) -> None:
    assert lenet("score").returncode == 2
    assert lenet("train", "a/b", "--epochs", "0").returncode == 2


def test_debug_shows_the_traceback(lenet: Run, settings: Settings) -> None:
    assert "Traceback" in lenet("score", "nowhere/test", "--debug").stderr


def test_a_malformed_setting_names_its_variable(lenet: Run) -> None:
    result = lenet("datasets", LENET_SHARD_ROWS="many")
    assert result.returncode == 1
    assert "LENET_SHARD_ROWS is 'many'" in one_error_line(result)


def test_an_empty_home_says_what_to_do_first(lenet: Run) -> None:
    assert "lenet ingest" in lenet("datasets").stdout
    assert "lenet train" in lenet("models").stdout
    for arguments in (["audit", "runs"], ["check"], ["sql", "select 1"], ["verify"], ["export", "there"]):
        result = lenet(*arguments)
        assert result.returncode == 1
        assert "no database yet" in one_error_line(result)
        assert "begin with `lenet demo`, or with `lenet ingest`, then `lenet train`" in one_error_line(result)


def test_a_home_that_cannot_be_written_is_one_line(lenet: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for arguments in (["ingest", "optdigits"], ["demo"]):
        result = lenet(*arguments, "--home", str(tmp_path / "file" / "home"))
        assert result.returncode == 1
        assert "choose another folder with --home" in one_error_line(result)


def test_a_check_that_fails_exits_with_3_and_names_itself(lenet: Run, settings: Settings) -> None:
    assert lenet("check").returncode == 0
    with duckdb.connect(str(settings.warehouse.path)) as connection:
        connection.execute("update promotions set model_version = 7 where alias = 'champion'")
    result = lenet("check")
    assert result.returncode == 3
    assert "aliases_match_promotions" in one_error_line(result)


def test_an_alias_moved_behind_our_back_fails_the_check(lenet: Run, settings: Settings) -> None:

    settings.registry.client().set_registered_model_alias("digits", "champion", "1")
    assert lenet("check").returncode == 0
    settings.registry.client().delete_registered_model_alias("digits", "champion")
    assert lenet("check").returncode == 3


def test_a_version_whose_weights_are_gone_fails_the_check(lenet: Run, scored: Settings) -> None:
    assert lenet("check").returncode == 0
    (weights,) = scored.registry.artifacts.rglob("weights.safetensors")
    weights.unlink()
    result = lenet("check")
    assert result.returncode == 3
    assert one_error_line(result).endswith("checks failed: model_version_still_loads")
    assert "train again" in result.stdout


def test_a_database_held_by_another_process_is_waited_for_then_named(lenet: Run, settings: Settings) -> None:
    settings.warehouse.snapshot.path.unlink()  # it would answer instead
    hold = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(settings.warehouse.path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        started = time.monotonic()
        result = lenet("audit", "runs", LENET_DATABASE_WAIT_S="2")
        holder.kill()
    assert result.returncode == 1
    assert time.monotonic() - started >= 2
    assert str(holder.pid) in one_error_line(result)


def test_images_that_cannot_be_read_are_rejects_and_the_rest_goes_on(
    lenet: Run, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    page = Image.new("L", (40, 40), 255)
    page.paste(0, (18, 8, 23, 32))
    page.save(folder / "good.png")
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("not a picture")
    result = lenet("ingest", "images", str(folder), LENET_REJECT_LIMIT_PCT="70")
    assert result.returncode == 0, result.stderr
    assert "1 digit added (0 labelled), 2 rejected" in result.stdout
    lenet("ingest", "images", str(folder), LENET_REJECT_LIMIT_PCT="70")
    rejects = json.loads(lenet("audit", "rejects", "--format", "json").stdout)
    assert sorted(Path(reject["source"]).name for reject in rejects) == ["empty.png", "text.png"]
    beyond = lenet("ingest", "images", str(folder))
    assert beyond.returncode == 1
    assert "2 of 3 images" in one_error_line(beyond)


def test_an_ingest_says_how_many_digits_have_labels_and_which_folder_names_they_are(
    lenet: Run, tmp_path: Path
) -> None:
    folders = ["1", "2", "3", "10", "zero"]
    for number, name in enumerate(folders):
        page = Image.new("L", (40, 40), 255)
        page.paste(0, (18, 8, 22 + number, 32))
        (tmp_path / "scans" / name).mkdir(parents=True)
        page.save(tmp_path / "scans" / name / "a.png")
    command = ["ingest", "images", str(tmp_path / "scans")]
    assert lenet(*command, "--name", "a/all").stdout == (
        "a/all: 5 digits added (3 labelled); 5 in total\n  labels come from the folder names 1 to 3\n"
    )
    (row,) = json.loads(lenet(*command, "--name", "b/all", "--format", "json").stdout)
    assert (row["added"], row["labelled"], row["label_folders"]) == (5, 3, "1 to 3")
    (row,) = json.loads(
        lenet("ingest", "images", str(tmp_path / "scans" / "zero"), "--format", "json").stdout
    )
    assert (row["added"], row["labelled"], row["label_folders"]) == (1, 0, None)


def test_idx_files_of_another_set_need_a_name_of_their_own(lenet: Run, tmp_path: Path) -> None:
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(range(196)) * 8)
    labels.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 3, 4]))
    command = ["ingest", "idx", str(images), "--labels", str(labels), "--name"]
    assert "does not begin with mnist/" in one_error_line(lenet(*command, "mnist/train"))
    assert lenet(*command, "own/train").stdout == "own/train: 2 digits added (2 labelled); 2 in total\n"
    unlabelled = lenet("ingest", "idx", str(images), "--name", "own/scans")
    assert unlabelled.stdout == "own/scans: 2 digits added (0 labelled); 2 in total\n"
    assert "2 labels updated" in lenet(*command, "own/scans").stdout
    kinds = json.loads(lenet("sql", "select distinct kind, source from ingests", "--format", "json").stdout)
    assert kinds == [{"kind": "images", "source": str(images)}]


def read_sources(settings: Settings, dataset: str) -> list[str]:
    manifest = read_manifest(settings.lake, dataset)
    shards = [read_shard(settings.lake, dataset, shard) for shard in manifest.shards]
    return [source for shard in shards for source in shard["source"].to_pylist()]


def test_printed_digits_of_a_folder_of_fonts_with_a_damaged_one(
    lenet: Run, settings: Settings, tmp_path: Path
) -> None:
    shipped, folder = Path(matplotlib.get_data_path(), "fonts", "ttf"), tmp_path / "fonts"
    folder.mkdir()
    shutil.copy(shipped / "DejaVuSans.ttf", folder)
    (folder / "damaged.ttf").write_bytes(b"no font")
    command = ["ingest", "printed", "--fonts", str(folder), "--name", "mine", "--per-font", "20"]
    alone = lenet(*command)
    assert alone.returncode == 1
    assert "found only families for train (dejavu)" in one_error_line(alone)
    shutil.copy(shipped / "cmr10.ttf", folder)
    shutil.copy(shipped / "cmsy10.ttf", folder)  # symbols: a reject, and no damage
    refused = lenet(*command, LENET_REJECT_LIMIT_PCT="20")
    assert refused.returncode == 1
    assert f"1 of 4 fonts in {folder} were rejected (25 %, the limit is 20 %)" in one_error_line(refused)
    result = lenet(*command, LENET_REJECT_LIMIT_PCT="25")
    assert (result.returncode, result.stderr) == (0, "")
    assert "mine/train: 20 digits added (20 labelled), 2 rejected" in result.stdout
    assert "mine/test: 20 digits added (20 labelled); 20 in total" in result.stdout
    again = lenet(*command, "--per-font", "30", "--seed", "0")
    assert "mine/test: 10 digits added (10 labelled), 20 already there; 30 in total" in again.stdout
    varied = {
        split: {"designs=varied" in source for source in read_sources(settings, f"mine/{split}")}
        for split in ("train", "test")
    }
    assert varied == {"train": {True}, "test": {False}}
    rejects = json.loads(lenet("audit", "rejects", "--format", "json").stdout)
    assert {Path(reject["source"]).name: reject["kind"] for reject in rejects} == {
        "damaged.ttf": "damaged_font",
        "cmsy10.ttf": "no_digits",
    }


@pytest.mark.slow
def test_control_c_exits_with_130_and_the_next_run_goes_on(
    environment: dict[str, str], lenet: Run, settings: Settings, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "lenet_pipeline.cli", "train", "optdigits/train", "--epochs", "4000"]
    before = settings.registry.database.stat().st_mtime_ns  # changes once the training run is open
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and settings.registry.database.stat().st_mtime_ns == before:
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted" in errors
    assert lenet("score", "optdigits/test").returncode == 0


_INTERRUPTED_IN_A_STRING = """
import lenet_pipeline.cli.app
from lenet_pipeline.cli import main

def app():
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        raise SystemExit(130)

lenet_pipeline.cli.app.app = app
main()
"""


def test_control_c_in_code_that_a_library_executes_from_a_string_exits_with_130(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "interrupted.py").write_text(_INTERRUPTED_IN_A_STRING)
    command = [sys.executable, "-m", "interrupted"]
    assert subprocess.run(command, env=environment, cwd=tmp_path, check=False).returncode == 130


def test_common_options_hold_before_the_command_and_after_it(lenet: Run, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    for arguments in (
        ("--home", other, "models", "rollback"),
        ("models", "--home", other, "rollback"),
        ("models", "rollback", "--home", other),
        ("--home", str(tmp_path / "first"), "models", "rollback", "--home", other),
    ):
        result = lenet(*arguments)
        assert result.returncode == 1
        assert f"no database yet at {other}" in result.stderr


def test_an_option_of_a_list_is_refused_before_a_verb(lenet: Run) -> None:
    result = lenet("models", "--format", "json", "rollback")
    assert result.returncode == 2
    assert "write --format after rollback" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_a_reason_is_shown_as_it_was_written(lenet: Run, settings: Settings) -> None:
    retrained = lenet("train", "optdigits/train", "--epochs", "1")
    assert retrained.returncode == 0, retrained.stderr
    result = lenet("models", "promote", "2", "--reason", "see [/ticket 7]", "--yes")
    assert (result.returncode, result.stderr) == (0, "")
    assert "see [/ticket 7]" in result.stdout
    assert "see [/ticket 7]" in lenet("audit", "promotions", "--format", "csv").stdout


@pytest.mark.slow
def test_training_that_cannot_be_recorded_leaves_no_alias_and_is_promoted_by_hand(
    lenet: Run, settings: Settings
) -> None:
    whole = settings.warehouse.path.read_bytes()
    settings.warehouse.path.write_bytes(b"no database")
    assert lenet("train", "optdigits/train", "--epochs", "1").returncode == 1
    settings.warehouse.path.write_bytes(whole)
    assert lenet("check").returncode == 0
    assert lenet("models", "promote", "2", "--reason", "its record was lost").returncode == 0
    assert lenet("check").returncode == 0


def test_the_same_picture_with_two_labels_is_one_digit_and_a_reject(
    lenet: Run, settings: Settings, tmp_path: Path
) -> None:
    page = Image.new("L", (40, 40), 255)
    page.paste(0, (18, 8, 23, 32))
    for label in ("1", "7"):
        (tmp_path / "scans" / label).mkdir(parents=True)
        page.save(tmp_path / "scans" / label / "a.png")
    result = lenet("ingest", "images", str(tmp_path / "scans"))
    assert "1 digit added (1 labelled), 1 rejected" in result.stdout
    assert "labels come from the folder names 1, 7" in result.stdout
    (reject,) = json.loads(lenet("audit", "rejects", "--format", "json").stdout)
    assert (reject["kind"], Path(reject["source"]).parent.name) == ("conflicting_label", "7")


def test_rows_of_any_type_and_name_reach_a_program(lenet: Run, settings: Settings) -> None:
    statement = "select sum(1) as a, 2 as a, date '2026-11-02' as day, 'nan'::float as x from range(3)"
    expected = [{"a": 3, "a_2": 2, "day": "2026-11-02", "x": None}]
    assert json.loads(lenet("sql", statement, "--format", "json").stdout) == expected
    assert lenet("sql", statement, "--format", "csv").stdout == "a,a_2,day,x\n3,2,2026-11-02,\n"
    assert "a" in lenet("sql", "select null as a").stdout


def test_a_reader_that_has_seen_enough_is_no_error(environment: dict[str, str], settings: Settings) -> None:
    command = [sys.executable, "-m", "lenet_pipeline.cli", "sql", "from range(1000000)", "--format", "csv"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "range\n"
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_damaged_dataset_does_not_hide_the_others(lenet: Run, settings: Settings) -> None:
    shutil.copytree(settings.lake / "optdigits/test", settings.lake / "optdigits/copy")
    result = lenet("datasets", "--format", "json")
    assert [row["dataset"] for row in json.loads(result.stdout)] == ["optdigits/test", "optdigits/train"]
    assert "it is the manifest of optdigits/test" in result.stderr


@pytest.mark.slow
def test_what_the_database_refuses_in_the_middle_of_a_job_is_one_line(
    lenet_process: Run, settings: Settings
) -> None:
    """At its end the process would list the connection as leaked, had the error kept hold of it."""
    with duckdb.connect(str(settings.warehouse.path)) as connection:
        connection.execute("alter table scoring_run_shards rename to mislaid")
    result = lenet_process("score", "optdigits/test")
    assert result.returncode == 1
    assert "scoring_run_shards does not exist" in one_error_line(result)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["ingest", "optdigits"], ["score", "optdigits/test"]])
def test_without_a_server_a_command_never_imports_prefect(
    environment: dict[str, str], settings: Settings, arguments: list[str]
) -> None:
    program = (
        "import atexit, sys\n"
        "from lenet_pipeline.cli import main\n"
        "atexit.register(lambda: print({'prefect', 'flows'} & set(sys.modules), file=sys.stderr))\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "set()\n")

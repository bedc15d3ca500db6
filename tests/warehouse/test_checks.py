"""Each check passes on a healthy warehouse, and finds what someone changed past the pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.warehouse import Warehouse
from lenet_pipeline.warehouse.statements import read_statement
from tests.warehouse.test_choices import VIOLATIONS as CHOICE_VIOLATIONS
from tests.warehouse.test_final_values import VIOLATIONS as FINAL_VIOLATIONS
from tests.warehouse.test_form_audits import VIOLATIONS as FORM_VIOLATIONS

WAIT_S = 5.0

CHAMPION_1 = warehouse.RegistryAlias("digits", "champion", 1)
CHALLENGER_2 = warehouse.RegistryAlias("digits", "challenger", 2)

# check, what someone changes by hand, the problems that must be named
VIOLATIONS = [
    (
        "run_histogram_counts_its_predictions",
        "insert into run_histograms select scoring_run_id, measure, if(measure = 'doubt', [9, 9], counts) "
        "from prediction_histograms",
        ["the histogram does not count the predictions of the run"],
    ),
    (
        "run_histogram_counts_its_predictions",
        "insert into run_histograms from prediction_histograms where measure <> 'doubt'",
        ["the histogram was removed"],
    ),
    (
        "probabilities_sum_to_one",
        "update predictions set probabilities = list_resize([0.5], 10, 0) where label = 7",
        ["the probabilities do not sum to one"],
    ),
    (
        "probabilities_sum_to_one",
        "update predictions set probabilities = list_resize(['nan'::float], 10, 0) where label = 7",
        ["the probabilities do not sum to one"],
    ),
    (
        "probabilities_sum_to_one",
        "update predictions set probabilities = list_resize([1.00002], 10, 0) where label = 7",
        ["the probabilities do not sum to one"],
    ),
    (
        "confidence_is_the_largest_probability",
        "update predictions set confidence = 0.1 where label = 7",
        ["the confidence is not the largest probability"],
    ),
    (
        "confidence_is_the_largest_probability",
        "update predictions set label = 8 where label = 7",
        ["the label is not the most probable digit"],
    ),
    (
        "confidence_is_the_largest_probability",
        "update predictions set probabilities = list_resize(['nan'::float], 10, 0) where label = 7",
        ["the confidence is not the largest probability"],
    ),
    (
        "shard_has_one_prediction_a_digit",
        "delete from predictions where label = 7",
        ["predictions are missing"],
    ),
    (
        "shard_has_one_prediction_a_digit",
        "insert into predictions select * from predictions where label = 7",
        ["a digit has several predictions"],
    ),
    (
        "shard_has_one_prediction_a_digit",
        "update predictions set digit_id = (select min(digit_id) from predictions where label = 3)"
        " where label = 7",
        ["a digit has several predictions"],
    ),
    (
        "shard_has_one_prediction_a_digit",
        "update shard_scores set rows = 2 where shard_fingerprint like 'ark%'",
        ["there are more predictions than the ledger records"],
    ),
    (
        "run_has_one_prediction_a_digit",
        "update digits set digit_id = (select digit_id from digits where label is null) where label = 0",
        ["several shards of the run contain the digit"],
    ),
    (
        "run_plan_matches_the_ledger",
        "delete from shard_scores where shard_fingerprint like 'ark%'",
        ["the run is finished but the shard is not scored"],
    ),
    (
        "run_plan_matches_the_ledger",
        "update scoring_run_shards set rows = 4 where shard_position = 0",
        ["the ledger has a different number of rows than the plan"],
    ),
    (
        "run_plan_matches_the_ledger",
        "update shard_scores set shard_fingerprint = 'other' where shard_fingerprint like 'ark%'",
        ["the scored shard is not the planned one"],
    ),
    (
        "run_plan_matches_the_ledger",
        "insert into scoring_run_shards select scoring_run_id, 2, shard_score_id, shard_fingerprint, rows"
        " from scoring_run_shards where shard_position = 0",
        ["the run plans the shard several times"],
    ),
    (
        "run_plan_matches_the_ledger",
        "delete from scoring_runs",
        ["the shard is planned by a run that does not exist"] * 2,
    ),
    ("run_plan_matches_the_ledger", "delete from scoring_run_shards", ["the run plans no shard"]),
    (
        "run_has_one_model_version",
        "update shard_scores set model_version = 2 where shard_fingerprint like 'ark%'",
        ["the shard score and the run differ in model version, preprocessing or precision"],
    ),
    (
        "run_has_one_model_version",
        "update scoring_runs set precision = 'float16'",
        ["the shard score and the run differ in model version, preprocessing or precision"] * 2,
    ),
    (
        "run_has_one_model_version",
        "update scoring_runs set preprocessing_fingerprint = 'other'",
        ["the shard score and the run differ in model version, preprocessing or precision"] * 2,
    ),
    (
        "prediction_has_a_shard_score",
        "update predictions set shard_score_id = uuid() where label = 7",
        ["predictions belong to a shard score that is not in the ledger"],
    ),
    (
        "scoring_has_a_known_model_version",
        "delete from model_versions where model_version = 1",
        ["the model version was used for scoring but is not recorded"],
    ),
    (
        "promotion_has_a_known_model_version",
        "delete from model_versions where model_version = 1",
        ["the model version of the event is not recorded", "the former version is not recorded"],
    ),
    (
        "prediction_has_one_provenance",
        "delete from digits where label is null",
        ["the digit has no row in digits"],
    ),
    (
        "prediction_has_one_provenance",
        "insert into digits select * from digits where label = 7",
        ["the digit has several rows in digits"],
    ),
    (
        "prediction_has_one_provenance",
        "delete from predictions where label = 7",
        ["the digit has no prediction"],
    ),
    (
        "prediction_has_one_provenance",
        "insert into predictions select * from predictions where label = 7",
        ["the digit has several predictions"],
    ),
    (
        "prediction_has_one_provenance",
        "update digits set digit_id = uuid() where label is null",
        ["the digit has no row in digits", "the digit has no prediction"],
    ),
    (
        "truth_is_the_ingested_label",
        "update predictions set truth = 1 where label = 7",
        ["the truth differs from the label at ingest"],
    ),
    (
        "truth_is_the_ingested_label",
        "update digits set label = null where label = 0",
        ["the truth differs from the label at ingest"],
    ),
    (
        "predictions_are_as_they_were_computed",
        "update predictions set confidence = confidence - 0.00001 where label = 7",
        ["a prediction was altered"],
    ),
    (
        "predictions_are_as_they_were_computed",
        "update predictions set truth = null where label = 0",
        ["a prediction was altered"],
    ),
    (
        "predictions_are_as_they_were_computed",
        "delete from predictions where label = 7",
        ["predictions were removed"],
    ),
    (
        "predictions_are_as_they_were_computed",
        "insert into predictions select * replace (uuid() as digit_id) from predictions where label = 7",
        ["predictions were added"],
    ),
    (
        "definitions_are_as_shipped",
        "create or replace view chain_contents as select kind, subject, content_sha256 from chain",
        ["the definition was altered"],
    ),
    (
        "definitions_are_as_shipped",
        "create macro sha256(text) as 'same'",
        ["the definition was added"],
    ),
    (
        "definitions_are_as_shipped",
        "drop macro is_sampled",
        ["the definition is missing"],
    ),
    (
        "chain_is_unbroken",
        "update chain set linked_at = linked_at + interval 1 second where link_number = 2",
        ["the link was altered"],
    ),
    (
        "chain_is_unbroken",
        "delete from chain where link_number = 6",
        ["an earlier link is missing"],
    ),
    (
        "chain_is_unbroken",
        "update chain set content_sha256 = sha256(''), link_sha256 = link_sha256_of("
        "link_number, kind, subject, sha256(''), previous_sha256, linked_at) where link_number = 3",
        ["the previous link is a different one"],
    ),
    (
        "chain_covers_what_happened",
        "update promotions set recorded_at = recorded_at - interval 1 hour where promotion_number = 1",
        ["the event was altered"],
    ),
    (
        "chain_covers_what_happened",
        "delete from promotions where promotion_number = 3",
        ["the event was removed"],
    ),
    (
        "chain_covers_what_happened",
        "insert into promotions select * replace (99 as promotion_number, now() as recorded_at) "
        "from promotions where promotion_number = 1",
        ["the event has no link: it was added, or altered if older than the chain"],
    ),
    (
        "chain_covers_what_happened",
        "update shard_scores set predictions_sha256 = sha256('')",
        ["the event was altered"],
    ),
    (
        "chain_covers_what_happened",
        "update model_versions set code_revision = 'another' where model_version = 1",
        ["the event was altered"],
    ),
    (
        "chain_covers_what_happened",
        "update scoring_runs set actor = 'somebody else'",
        ["the event was altered"],
    ),
]


def run_all(builder: Any, *aliases: warehouse.RegistryAlias) -> dict[str, int]:
    results = warehouse.run_checks(Warehouse(builder.database, WAIT_S), aliases)
    return {result.query.name: result.violations.num_rows for result in results}


def test_every_check_passes_on_a_healthy_warehouse(scored: Any) -> None:
    found = run_all(scored, CHAMPION_1, CHALLENGER_2)
    assert found == {check.name: 0 for check in warehouse.list_checks()}


def test_every_check_passes_on_a_new_database(builder: Any) -> None:
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    assert set(run_all(builder).values()) == {0}


def test_every_check_passes_while_a_run_is_not_finished(scored: Any, readings: Any) -> None:
    run = scored.run_record("scans/april", 2, {**readings, "cove": [(1, 1, 0.9)]})
    warehouse.start_scoring_run(Warehouse(scored.database, WAIT_S), run)
    scored.load("ark", 2, readings["ark"])
    assert set(run_all(scored, CHAMPION_1, CHALLENGER_2).values()) == {0}


def test_every_check_returns_the_columns_its_header_documents(scored: Any) -> None:
    for result in warehouse.run_checks(Warehouse(scored.database, WAIT_S), []):
        assert result.violations.column_names == list(result.query.columns)


def test_every_check_has_a_violating_case() -> None:
    changed = VIOLATIONS + FORM_VIOLATIONS + CHOICE_VIOLATIONS + FINAL_VIOLATIONS
    covered = {check for check, _, _ in changed} | {
        "aliases_match_promotions",
        "chain_has_the_published_head",
        "model_version_still_loads",
    }
    assert covered == {check.name for check in warehouse.list_checks()}


@pytest.mark.parametrize(("check", "change", "problems"), VIOLATIONS)
def test_check_finds_what_was_changed_by_hand(
    scored: Any, check: str, change: str, problems: list[str]
) -> None:
    assert scored.violations(check) == []
    with scored.by_hand() as connection:
        connection.execute(change)
    assert sorted(row["problem"] for row in scored.violations(check)) == sorted(problems)


@pytest.mark.parametrize(
    ("aliases", "expected"),
    [
        ([CHAMPION_1, CHALLENGER_2], []),
        ([CHAMPION_1, CHALLENGER_2, warehouse.RegistryAlias("digits", "blessed", 7)], []),
        (
            [warehouse.RegistryAlias("digits", "champion", 2), CHALLENGER_2],
            [("champion", 1, 2, "the alias was moved without a record")],
        ),
        ([CHALLENGER_2], [("champion", 1, None, "the alias is missing in the registry")]),
        (
            [CHAMPION_1, CHALLENGER_2, warehouse.RegistryAlias("letters", "champion", 3)],
            [("champion", None, 3, "the alias was set without a record")],
        ),
    ],
)
def test_aliases_are_compared_in_both_directions(
    scored: Any, aliases: list[warehouse.RegistryAlias], expected: list[tuple[Any, ...]]
) -> None:
    names = ("alias", "recorded_version", "registry_version", "problem")
    found = scored.violations("aliases_match_promotions", *aliases)
    assert [tuple(row[name] for name in names) for row in found] == expected


@pytest.mark.parametrize(
    ("weights", "problem", "expected"),
    [
        ("1" * 64, None, []),
        ("00" * 32, None, ["the weights differ from the recorded ones"]),
        (None, "cannot read the artifacts", ["cannot read the artifacts"]),
    ],
)
def test_a_version_that_does_not_load_or_has_other_weights_is_found(
    scored: Any, weights: str | None, problem: str | None, expected: list[str]
) -> None:
    versions = [
        warehouse.LoadedVersion("digits", 1, weights, problem),
        warehouse.LoadedVersion("digits", 2, "2" * 64),
    ]
    (result,) = warehouse.run_checks(
        Warehouse(scored.database, WAIT_S), [], ["model_version_still_loads"], versions=versions
    )
    found = result.violations.to_pylist()
    assert [row["problem"] for row in found] == expected
    assert [row["model_version"] for row in found] == [1] * len(expected)


def test_every_version_that_a_row_names_is_listed(scored: Any) -> None:
    assert warehouse.list_named_versions(Warehouse(scored.database, WAIT_S)) == [("digits", 1), ("digits", 2)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("delete from promotions where promotion_number = 3", "the chain was truncated"),
        ("update promotions set actor = 'x' where promotion_number = 3", "the chain was rewritten"),
    ],
)
def test_a_chain_that_was_written_anew_is_not_the_one_that_was_published(
    scored: Any, change: str, problem: str
) -> None:
    """Whoever can write the database can make a chain of it that fits: not one with the same head."""
    head = warehouse.read_chain_head(Warehouse(scored.database, WAIT_S))
    names = ["chain_has_the_published_head"]
    assert len(warehouse.run_checks(Warehouse(scored.database, WAIT_S), [], names, head)[0].violations) == 0
    with scored.by_hand() as connection:
        connection.execute("delete from chain where link_number = $last", {"last": head.link_number})
        connection.execute(change)
        connection.execute(
            read_statement("load/insert_chain_link.sql"), {"kind": "promotion", "subject": "3"}
        )
    results = warehouse.run_checks(Warehouse(scored.database, WAIT_S), [CHAMPION_1, CHALLENGER_2], None, head)
    (found,) = [result for result in results if len(result.violations)]
    assert found.query.name == "chain_has_the_published_head"
    assert found.violations["problem"].to_pylist() == [problem]


def test_equal_largest_probabilities_are_no_violation(scored: Any) -> None:
    with scored.by_hand() as connection:
        connection.execute(
            "update predictions set confidence = 0.5, probabilities = [0, 0.5, 0, 0, 0, 0, 0, 0.5, 0, 0]"
            " where label = 7"
        )
    assert scored.violations("confidence_is_the_largest_probability") == []


def test_unknown_check_names_those_there_are(scored: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"there is no check 'sums'; available: .*probabilities_sum"):
        scored.violations("sums")


def test_checks_change_nothing(scored: Any) -> None:
    before = scored.database.read_bytes()
    run_all(scored, CHAMPION_1)
    assert scored.database.read_bytes() == before

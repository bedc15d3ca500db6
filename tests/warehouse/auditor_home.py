"""A small database with a bit of everything that auditors ask about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pyarrow as pa

from lenet_pipeline import warehouse
from lenet_pipeline.audit import revise
from lenet_pipeline.lake import Manifest, Shard
from lenet_pipeline.schema import NEW_FIELD_REVIEWS, NEW_REVIEWS, derive_uuid
from lenet_pipeline.warehouse import Warehouse
from tests.warehouse.conftest import READINGS, START, Builder, model_version_record, promotion_record
from tests.warehouse.form_builders import FormBuilder, Given, GivenPage

WAIT_S = 5.0
DAY = 24.0
APRIL = {"cat": [(1, 1, 0.99), (2, None, 0.7), (9, None, 0.3)]}
_TEMPLATE = """
form: {form}
page: A4
reference: {form}.png
fields:
"""
_FIELD = """\
  - name: {field}
    cells: {{x: 20, y: {y}, width: 7, height: 9, pitch: 7, count: 3}}
"""


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@dataclass(frozen=True)
class AuditorHome:
    """The database, its three scoring runs over forms and scans, and two batches of verdicts."""

    builder: Builder
    forms: FormBuilder
    form_run: UUID
    april_run: UUID
    undone_batch: UUID
    november_batch: UUID

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.builder.database, WAIT_S)

    @property
    def page(self) -> GivenPage:
        """Page 1 of the note ark."""
        return self.forms.pages[0]


def build_auditor_home(folder: Path) -> AuditorHome:
    """Build the database, in the order in which it would have happened.

    Version 1 is champion, then version 2 for two days, then version 1 again. Both read ``scans/march`` and
    the note ark; version 1 also reads the bill bay, in December, and ``scans/april``, last of all. A policy
    of version 1 accepts a confidence of 0.5 or more, and one after all runs only 0.85 or more. Bob and carol
    give verdicts on the same three digits and the same field.
    """
    builder = Builder(folder, folder / "home" / "audit.duckdb")
    forms = FormBuilder(builder)
    home = Warehouse(builder.database, WAIT_S)
    _record_versions(home)
    _set_policy(home, 0.5, at(1.5))
    builder.score(1, READINGS, hours=2)
    _promote_second(home)
    builder.score(2, READINGS, hours=30)
    _add_note(forms)
    forms.read(2, hours=48)
    rollback = promotion_record("rollback", 1, 2, hours=72)
    warehouse.record_promotion(home, replace(rollback, actor="grace", reason="misreads sevens"))
    _add_bill(forms)
    form_run = forms.read(1, hours=31 * DAY)
    april_run = builder.score(1, APRIL, dataset="scans/april", hours=32 * DAY)
    _set_policy(home, 0.85, at(33 * DAY))
    november = _review_march(home, builder)
    undone = _review_forms(home, forms)
    _review_digits(home, builder, "cat", "carol", 34.5 * DAY, {1: "7"})
    _record_rest(home, builder)
    return AuditorHome(builder, forms, form_run, april_run, undone, november)


def _record_versions(home: Warehouse) -> None:
    for version in (1, 2):
        warehouse.record_model_version(home, model_version_record(version))
    warehouse.record_promotion(home, promotion_record("register", 1, None, hours=0.5))
    first = promotion_record("promote", 1, None, hours=1)
    warehouse.record_promotion(home, replace(first, reason="no champion yet"))


def _promote_second(home: Warehouse) -> None:
    gate = warehouse.GateEvidence(1000, 980, 992, 2, 14, 0.004, 9)
    warehouse.record_promotion(home, promotion_record("register", 2, None, hours=24))
    second = promotion_record("promote", 2, 1, hours=25)
    warehouse.record_promotion(home, replace(second, actor="grace", reason="better", gate=gate))


def _set_policy(home: Warehouse, threshold: float, recorded_at: datetime) -> None:
    record = warehouse.PolicyRecord(
        subject="digit",
        model_name="digits",
        model_version=1,
        precision="float32",
        max_error=0.05,
        certainty=0.95,
        threshold=threshold,
        not_a_digit_from=0.5,
        review_rate=0.0,
        review_seed=0,
        evidence="paper/test",
        evidence_fingerprint="e" * 64,
        labelled=100,
        accepted=90,
        errors=1,
        error_bound=0.04,
        labelled_needed=None,
        recorded_at=recorded_at,
        actor="grace",
        flow_run_id=None,
    )
    warehouse.record_policy(home, record)


def _add_template(forms: FormBuilder, template: str, form: str, *fields: str) -> None:
    rows = [_FIELD.format(field=field, y=20 * number) for number, field in enumerate(fields, start=1)]
    record = warehouse.TemplateRecord(
        template, form, _TEMPLATE.format(form=form) + "".join(rows), fields, frozenset(), START, "ada"
    )
    warehouse.record_templates(Warehouse(forms.builder.database, WAIT_S), [record])


def _add_note(forms: FormBuilder) -> None:
    """Add the note ark, on two pages, one of them with a value that a rule corrects."""
    _add_template(forms, "note-1", "note", "number", "amount", "total")
    forms.add_document("ark", 2)
    forms.add_document("cove", 1)  # nothing on it is ever read
    first = forms.add_page("ark", 1, Given("number", "123"), Given("amount", "45_"), Given("total", "45"))
    second = forms.add_page(
        "ark", 2, Given("number", "124", "corrected", "125", 0.3, "luhn", "corrected: 124 breaks luhn")
    )
    forms.tell_truth(first, number="123", amount="46")
    forms.tell_truth(second, number="124")


def _add_bill(forms: FormBuilder) -> None:
    _add_template(forms, "bill-1", "bill", "amount")
    forms.add_document("bay", 1)
    page = forms.add_page("bay", 1, Given("amount", "7__"), template="bill-1", form="bill", hours=30 * DAY)
    forms.tell_truth(page, amount="7")


def _review_digits(
    home: Warehouse, builder: Builder, shard: str, actor: str, hours: float, verdicts: dict[int, str]
) -> UUID:
    batch_id = uuid4()
    table = pa.table(
        {
            "digit_id": pa.array([builder.digit_id(shard, each).bytes for each in verdicts], pa.uuid()),
            "shard_score_id": pa.array([derive_uuid("score", shard, 1).bytes] * len(verdicts), pa.uuid()),
            "verdict": list(verdicts.values()),
            "note": pa.nulls(len(verdicts), pa.string()),
        },
        schema=NEW_REVIEWS,
    )
    batch = warehouse.VerdictBatch(batch_id, actor, "folder", digits=table, reviewed_at=at(hours))
    warehouse.record_verdicts(home, batch, revise)
    return batch_id


def _review_march(home: Warehouse, builder: Builder) -> UUID:
    batch_id = _review_digits(home, builder, "ark", "bob", 50, {0: "3", 1: "5", 2: "1"})
    _review_digits(home, builder, "ark", "carol", 51, {0: "3", 1: "5", 2: "7"})
    return batch_id


def _review_field(
    home: Warehouse,
    page: GivenPage,
    name: str,
    value: str,
    actor: str,
    hours: float,
    *,
    is_undone: bool = False,
) -> UUID:
    batch_id = uuid4()
    row = {
        "field_id": page.field_id(name).bytes,
        "page_id": page.page_id.bytes,
        "verdict": "value",
        "value": value,
        "has_all_digits": False,
    }
    table = pa.Table.from_pylist([row], schema=NEW_FIELD_REVIEWS)
    batch = warehouse.VerdictBatch(batch_id, actor, "fields", fields=table, reviewed_at=at(hours))
    warehouse.record_verdicts(home, batch, revise)
    if is_undone:
        warehouse.undo_verdicts(home, batch_id, uuid4(), actor, revise)
    return batch_id


def _review_forms(home: Warehouse, forms: FormBuilder) -> UUID:
    """Give verdicts on fields of the note ark; return the batch that is undone."""
    first, second, *_ = forms.pages
    _review_field(home, first, "amount", "46", "carol", 33.5 * DAY)
    _review_field(home, first, "amount", "46", "bob", 34 * DAY)
    _review_field(home, second, "number", "124", "carol", 34.25 * DAY)
    return _review_field(home, first, "total", "99", "carol", 34.75 * DAY, is_undone=True)


def _record_rest(home: Warehouse, builder: Builder) -> None:
    """Record an ingest, datasets with a shard that no version has read, an export, and a token."""
    shards = [("scans/march", ("ark", "bay", "fox")), ("scans/april", ("cat",))]
    for dataset, names in shards:
        manifest = Manifest(
            dataset,
            1,
            "m" * 64,
            3 * len(names),
            START.isoformat(),
            "ada",
            tuple(Shard(f"{name}.parquet", name * 8, 3, 1000) for name in names),
        )
        ingest = warehouse.IngestRecord(
            derive_uuid("ingest", dataset),
            dataset,
            "images",
            f"inbox/{dataset}",
            at(-1),
            "ada",
            None,
            at(-0.5),
            digits_added=manifest.rows,
            rejected=1,
        )
        warehouse.record_ingest(home, ingest, manifest)
    warehouse.record_export(
        home, warehouse.ExportRecord(uuid4(), "tables", Path("/audit/2026-11"), 120, at(60), "bob")
    )
    with builder.by_hand() as connection:
        connection.execute(
            "insert into reviewers values (?, 'bob', 'hash', ?, 'grace', ?, 'grace')",
            [uuid4(), at(49), at(40 * DAY)],
        ).fetchall()

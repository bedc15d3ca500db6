"""Inboxes end to end: every document is taken once, when it is complete, and nothing else is touched."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from lenet_pipeline.audit.scans import find_scans
from lenet_pipeline.errors import IngestError, PipelineError, StorageError, UnknownNameError
from lenet_pipeline.jobs import (
    SETTLE_S,
    PollJob,
    declare_inbox,
    form_reading,
    ingest_inbox,
    look,
    page_store,
    poll,
    remove_inbox,
)
from lenet_pipeline.jobs.inbox import archive as inbox_archive
from lenet_pipeline.jobs.inbox import ingestion as inboxes
from lenet_pipeline.jobs.inbox import look as inbox_look
from lenet_pipeline.jobs.inbox import records as inbox_records
from lenet_pipeline.jobs.inbox import storing as inbox_storing
from lenet_pipeline.jobs.inbox.files import scan_path
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import Event, file_digest
from lenet_pipeline.warehouse import InboxRecord, read_inboxes
from tests.jobs.deadly_readers import crash_at
from tests.jobs.form_builders import broken_checks, fill_slips, grey, write_template
from tests.jobs.inbox_builders import NAME, Inbox, make_inbox, set_age

MAY = datetime(2026, 5, 4, 23, 30, tzinfo=UTC)


def today() -> str:
    return f"{NAME}/{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture(scope="module")
def slips(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six filled slips: look at them, never write."""
    return fill_slips(trained, tmp_path_factory.mktemp("filled") / "slips", 6)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path / "templates")


@pytest.fixture
def inbox(home: Path, tmp_path: Path, slips: Path, template: Path) -> Inbox:
    """An inbox in a home without a model."""
    return make_inbox(read_settings(home, "tester"), tmp_path, slips, template)


@pytest.fixture
def read_inbox(settings: Settings, tmp_path: Path, slips: Path, template: Path) -> Inbox:
    """An inbox in a home with a champion."""
    return make_inbox(settings, tmp_path, slips, template)


def write_half(slip: Path, path: Path) -> Path:
    """Write the upper part of a slip, which fits no template."""
    Image.fromarray(grey(slip)[:300]).save(path, dpi=(200, 200))
    return set_age(path, 60)


def test_documents_are_taken_once_into_the_dataset_of_the_day(inbox: Inbox) -> None:
    inbox.drop(0)
    inbox.drop(1, "deep/er/1.png")
    done = inbox.ingest()
    assert (done.documents, done.pages, done.read, done.datasets) == (2, 2, 2, (today(),))
    assert inbox.rows("path, status, dataset") == [
        ("0.png", "taken", today()),
        ("deep/er/1.png", "taken", today()),
    ]
    again = inbox.ingest()
    assert (again.documents, again.pages, again.datasets, again.digits) == (0, 0, (), 0)
    inbox.drop(2)
    assert inbox.ingest().documents == 1
    (pages,) = inbox.select("count(*) as n, count(distinct source_sha256) as sources from pages")
    assert (pages["n"], pages["sources"]) == (3, 3)
    assert sorted(path.name for path in inbox.folder.rglob("*.png")) == ["0.png", "1.png", "2.png"]
    assert broken_checks(inbox.settings) == []


def test_time_of_a_poll_names_the_dataset_and_nothing_else(inbox: Inbox) -> None:
    inbox.drop(0)
    before = datetime.now(UTC)
    assert inbox.ingest(MAY).datasets == ("slips/2026-05-04",)
    assert inbox.rows("taken_at")[0][0] >= before
    inbox.drop(1)
    assert inbox.ingest(MAY.astimezone(UTC) + timedelta(hours=1)).datasets == ("slips/2026-05-05",)


@pytest.fixture
def far_away() -> Iterator[None]:
    """A machine whose clock shows the time of Kiribati."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        yield
    time.tzset()


def test_time_without_a_zone_is_in_utc(inbox: Inbox, far_away: None) -> None:
    inbox.drop(0)
    now = datetime.now(UTC).replace(tzinfo=None)
    assert look(inbox.settings, NAME, now).datasets == (f"{NAME}/{now:%Y-%m-%d}",)
    assert look(inbox.settings, NAME, now - timedelta(hours=1)).files == ()
    assert inbox.ingest(MAY.replace(tzinfo=None)).datasets == ("slips/2026-05-04",)
    assert look(inbox.settings, NAME, datetime.now(UTC).replace(tzinfo=None)).files == ()


def test_touched_file_is_not_read_again(inbox: Inbox) -> None:
    path = inbox.drop(0)
    inbox.ingest()
    set_age(path, 30)
    done = inbox.ingest()
    assert (done.documents, done.duplicates) == (0, 0)
    assert inbox.rows() == [("0.png", "taken"), ("0.png", "unchanged")]
    assert inbox.ingest() == done
    assert len(inbox.rows()) == 2


def test_same_content_under_another_name_is_not_read_again(inbox: Inbox) -> None:
    inbox.drop(0, "a.png")
    inbox.ingest(MAY)
    inbox.drop(0, "b.png")
    inbox.drop(1, "c.png")
    inbox.drop(1, "d.png")
    done = inbox.ingest()
    assert (done.documents, done.duplicates) == (1, 2)
    assert inbox.rows("path, status, original_path") == [
        ("a.png", "taken", None),
        ("b.png", "duplicate", "a.png"),
        ("c.png", "taken", None),
        ("d.png", "duplicate", "c.png"),
    ]
    assert inbox.select("count(*) as n from pages") == [{"n": 2}]


def test_new_scan_replaces_the_first_one_in_its_dataset(inbox: Inbox) -> None:
    inbox.drop(0, "a.png")
    inbox.ingest(MAY)
    inbox.drop(1, "a.png", age_s=30)
    done = inbox.ingest()
    assert (done.datasets, done.documents, done.replaced) == (("slips/2026-05-04",), 1, 1)
    (current,) = inbox.select("dataset, source_sha256, replaces from current_documents")
    assert current["source_sha256"] == file_digest(inbox.slips[1], "sha256")
    assert current["replaces"] == 1


def test_renamed_document_is_not_lost_if_another_takes_its_name(inbox: Inbox) -> None:
    inbox.drop(0, "a.png")
    inbox.ingest(MAY)
    inbox.drop(0, "b.png", age_s=30)
    inbox.drop(1, "a.png", age_s=30)
    assert inbox.ingest().documents == 2
    current = inbox.select("source, source_sha256, dataset from current_documents order by source")
    assert [row["source_sha256"] for row in current] == [
        file_digest(inbox.slips[n], "sha256") for n in (1, 0)
    ]
    assert {row["dataset"] for row in current} == {"slips/2026-05-04"}


def test_scan_that_changes_back_is_current_again(inbox: Inbox) -> None:
    for number, slip in enumerate((0, 1, 0)):
        inbox.drop(slip, "a.png", age_s=60 - 20 * number)
        assert inbox.ingest().documents == 1
    (current,) = inbox.select("source_sha256 from current_documents")
    assert current["source_sha256"] == file_digest(inbox.slips[0], "sha256")
    assert inbox.select("count(*) as n from pages") == [{"n": 2}]


def test_removed_document_stays_stored(inbox: Inbox) -> None:
    path = inbox.drop(0)
    inbox.ingest()
    path.unlink()
    assert inbox.ingest().documents == 0
    assert inbox.rows() == [("0.png", "taken")]
    assert inbox.select("count(*) as n from current_documents") == [{"n": 1}]


@pytest.mark.parametrize("module, name", [(inbox_look, "file_digest"), (inbox_storing, "store_documents")])
def test_document_that_is_removed_before_it_is_read_is_skipped(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """The other document with its content is then no duplicate."""
    gone = inbox.drop(0, "a.png")
    inbox.drop(0, "b.png")
    inbox.drop(1, "c.png")
    work: Callable[..., Any] = getattr(module, name)

    def remove_first(*arguments: Any, **options: Any) -> Any:
        gone.unlink(missing_ok=True)
        return work(*arguments, **options)

    monkeypatch.setattr(module, name, remove_first)
    inbox.ingest()
    monkeypatch.undo()
    inbox.ingest()
    assert inbox.rows() == [("b.png", "taken"), ("c.png", "taken")]
    assert inbox.select("count(*) as n from rejects") == [{"n": 0}]


def test_growing_file_is_taken_once_it_is_whole(inbox: Inbox) -> None:
    inbox.declare(settle_s=0.6)
    content = inbox.slips[0].read_bytes()
    path = inbox.folder / "0.png"
    is_seen = threading.Event()

    def append() -> None:
        with path.open("ab", buffering=0) as file:
            for start in range(0, len(content) - 100, 100):
                file.write(content[start : start + 100])
                time.sleep(0.05)
                if is_seen.is_set():
                    file.write(content[start + 100 :])
                    return

    writer = threading.Thread(target=append)
    path.touch()
    inbox.drop(1)
    writer.start()
    done = inbox.ingest()
    assert (done.documents, done.waiting) == (1, 1)
    is_seen.set()
    writer.join()
    done = inbox.ingest()
    assert (done.documents, done.waiting, done.rejected) == (1, 0, 0)
    assert inbox.rows("path, status, size_bytes")[0] == ("0.png", "taken", len(content))


def test_file_from_the_future_is_taken(inbox: Inbox) -> None:
    inbox.declare(settle_s=0.2)
    inbox.drop(0, age_s=-86_400)
    assert inbox.ingest().documents == 1


def test_old_file_is_taken_without_waiting(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox.declare(settle_s=0.3)
    inbox.drop(0)
    time.sleep(0.4)
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("the poll waits"))
    assert inbox.ingest().documents == 1


@pytest.mark.parametrize(
    "name", [".0.png", "0.png.part", "0.png.crdownload", "0.tmp", "0.png~", ".new/0.png"]
)
def test_unfinished_file_is_left_until_it_is_renamed(inbox: Inbox, name: str) -> None:
    path = inbox.drop(0, name)
    assert inbox.ingest().documents == 0
    assert inbox.rows() == []
    path.rename(inbox.folder / "0.png")
    assert inbox.ingest().documents == 1


def test_page_of_an_unknown_form_is_counted_and_announced(inbox: Inbox) -> None:
    write_half(inbox.slips[3], inbox.folder / "half.png")
    inbox.drop(0)
    done = inbox.ingest()
    assert (done.documents, done.read, done.unmatched) == (2, 1, 1)
    assert inbox.observer.events == [
        (Event.INBOX_TROUBLE, {"inbox": NAME, "unmatched": 1, "rejected": 0, "unreadable": 0})
    ]
    assert inbox.ingest().unmatched == 0
    assert len(inbox.observer.events) == 1


def test_rejected_document_is_tried_again_once_it_changes(inbox: Inbox) -> None:
    path = inbox.folder / "0.png"
    path.write_bytes(b"not a picture")
    set_age(path, 60)
    (inbox.folder / "empty.pdf").touch()
    done = inbox.ingest()
    assert (done.documents, done.rejected, done.digests) == (0, 2, ())
    assert {event for event, _ in inbox.observer.events} == {Event.INBOX_TROUBLE}
    assert inbox.rows() == [("0.png", "rejected"), ("empty.pdf", "rejected")]
    assert inbox.ingest().rejected == 0
    inbox.drop(0, age_s=30)
    assert inbox.ingest().documents == 1
    assert inbox.rows()[:2] == [("0.png", "rejected"), ("0.png", "taken")]


def test_file_that_is_not_a_document_is_counted_once(inbox: Inbox) -> None:
    (inbox.folder / "notes.txt").write_text("call Ada")
    assert inbox.ingest().not_documents == 1
    assert inbox.ingest().not_documents == 0
    assert inbox.select("count(*) as n from rejects") == [{"n": 0}]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_tried_at_each_poll(inbox: Inbox) -> None:
    path = inbox.drop(0)
    path.chmod(0)
    assert inbox.ingest().unreadable == 1
    path.chmod(0o600)
    assert inbox.ingest().documents == 1


def test_missing_template_is_one_clear_error(inbox: Inbox) -> None:
    inbox.drop(0)
    inbox.template.unlink()
    with pytest.raises(IngestError, match=r"there is no template .*slip\.yaml"):
        inbox.ingest()
    assert inbox.rows() == []


def test_missing_folder_is_one_clear_error(inbox: Inbox) -> None:
    shutil.rmtree(inbox.folder)
    with pytest.raises(IngestError, match=r"inbox slips: cannot list .*No such file"):
        inbox.ingest()


# The archive.


def test_documents_move_into_the_archive_after_they_were_read(inbox: Inbox, tmp_path: Path) -> None:
    archive = tmp_path / "done"
    inbox.declare(archive=archive)
    first = inbox.drop(0, "deep/0.png")
    bad = inbox.folder / "bad.png"
    bad.write_bytes(b"not a picture")
    assert inbox.ingest().archived == 1
    assert not first.exists()
    assert bad.exists()
    assert (archive / "deep/0.png").read_bytes() == inbox.slips[0].read_bytes()
    digest = file_digest(inbox.slips[0], "sha256")
    assert archive / "deep/0.png" in find_scans(inbox.settings, str(first), digest)
    inbox.drop(1, "deep/0.png")  # the next scan of the same name does not overwrite it
    assert inbox.ingest().archived == 1
    other = file_digest(inbox.slips[1], "sha256")
    assert sorted(path.name for path in archive.rglob("*.png")) == sorted(["0.png", f"{other[:12]}-0.png"])
    assert archive / "deep" / f"{other[:12]}-0.png" in find_scans(inbox.settings, str(first), other)
    assert inbox.ingest().archived == 0


def test_archive_within_the_inbox_is_not_polled(inbox: Inbox) -> None:
    inbox.declare(archive=inbox.folder / "done")
    inbox.drop(0)
    assert inbox.ingest().archived == 1
    done = inbox.ingest()
    assert (done.documents, done.duplicates, done.archived) == (0, 0, 0)


def test_archive_may_be_on_another_file_system(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    inbox.declare(archive=tmp_path / "done")
    path = inbox.drop(0)
    monkeypatch.setattr(inbox_archive, "os", SimpleNamespace(link=refuse))
    assert inbox.ingest().archived == 1
    assert not path.exists()
    assert [each.name for each in (tmp_path / "done").iterdir()] == ["0.png"]


@pytest.mark.parametrize("name", ["record_archived_documents", "_copy"])
def test_interrupted_archiving_resumes(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    inbox.declare(archive=tmp_path / "done")
    inbox.drop(0)

    def fail(*_arguments: object) -> None:
        raise StorageError("the disk is gone")

    monkeypatch.setattr(inbox_archive, name, fail)
    with pytest.raises(StorageError, match="the disk is gone"):
        inbox.ingest()
    monkeypatch.undo()
    inbox.declare(archive=tmp_path / "done")
    done = inbox.ingest()
    assert (done.documents, done.archived) == (0, 1)
    assert [each.name for each in (tmp_path / "done").iterdir()] == ["0.png"]
    assert inbox.rows("path, archived_to") == [("0.png", str(tmp_path / "done" / "0.png"))]


def test_file_that_was_recorded_as_archived_but_not_removed_is_removed(inbox: Inbox, tmp_path: Path) -> None:
    inbox.declare(archive=tmp_path / "done")
    path = inbox.drop(0)
    state = path.stat()
    inbox.ingest()
    inbox.drop(0)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert inbox.ingest().archived == 1
    assert not path.exists()


# Interruptions.


@pytest.mark.parametrize(
    "module, name",
    [
        (inbox_storing, "record_template_texts"),
        (page_store, "append_to_dataset"),
        (page_store, "load_pages"),
        (inbox_records, "record_inbox_documents"),
    ],
)
def test_interrupted_ingest_resumes(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """The next one ends with the rows of an ingest that was not interrupted."""
    other = make_inbox(
        read_settings(tmp_path / "other-home", "tester"),
        tmp_path / "other",
        inbox.slips[0].parent,
        inbox.template,
    )
    for each in (inbox, other):
        each.drop(0, "a.png")
        each.drop(0, "b.png")
        each.drop(1, "c.png")
        (each.folder / "bad.png").write_bytes(b"not a picture")
    other.ingest(MAY)

    def fail(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, name, fail)
    with pytest.raises(KeyboardInterrupt):
        inbox.ingest(MAY)
    monkeypatch.undo()
    inbox.ingest(MAY)
    for asked in (
        "path, source_sha256, status, dataset, original_path from inbox_documents order by path",
        "dataset, source_sha256, page, status from pages order by all",
        "dataset, source_sha256 from documents order by all",
    ):
        assert inbox.select(asked) == other.select(asked)


@pytest.mark.parametrize(
    "module, name",
    [
        (page_store, "append_to_dataset"),
        (page_store, "load_pages"),
        (inbox_records, "record_inbox_documents"),
    ],
)
def test_ingest_that_resumes_on_another_day_stores_nothing_twice(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    inbox.drop(0, "a.png")
    inbox.drop(1, "b.png")

    def fail(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, name, fail)
    with pytest.raises(KeyboardInterrupt):
        inbox.ingest(MAY)
    monkeypatch.undo()
    (inbox.folder / "a.png").rename(inbox.folder / "renamed.png")
    inbox.drop(2, "c.png")
    done = inbox.ingest(MAY + timedelta(days=1))
    assert (done.documents, done.datasets) == (3, ("slips/2026-05-04", "slips/2026-05-05"))
    assert inbox.rows("path, status, dataset") == [
        ("b.png", "taken", "slips/2026-05-04"),
        ("c.png", "taken", "slips/2026-05-05"),
        ("renamed.png", "taken", "slips/2026-05-04"),
    ]
    (stored,) = inbox.select("count(*) as pages, count(distinct source_sha256) as contents from pages")
    assert stored == {"pages": 3, "contents": 3}


@pytest.mark.parametrize("change", ["new content", "removed"])
def test_document_that_changes_while_it_is_read_is_replaced_on_another_day(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = inbox.drop(0, "a.png")
    store = inbox_storing.store_documents

    def store_and_change(*arguments: Any, **options: Any) -> Any:
        stored = store(*arguments, **options)
        path.unlink()
        if change == "new content":
            inbox.drop(1, "a.png", age_s=30)
        return stored

    monkeypatch.setattr(inbox_storing, "store_documents", store_and_change)
    assert inbox.ingest(MAY).documents == 0
    monkeypatch.undo()
    inbox.drop(1, "a.png", age_s=30)
    done = inbox.ingest(MAY + timedelta(days=1))
    assert (done.documents, done.replaced, done.datasets) == (1, 1, ("slips/2026-05-04",))
    (current,) = inbox.select("source_sha256 from current_documents")
    assert current["source_sha256"] == file_digest(inbox.slips[1], "sha256")
    assert inbox.rows("path, status, dataset") == [("a.png", "taken", "slips/2026-05-04")]


def test_page_that_crashed_a_poll_becomes_a_reject(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next poll reads pages in processes, so that it survives the page."""
    inbox.ingest()
    inbox.drop(0)
    marker = inbox.settings.home / "inboxes" / f"{NAME}.reading"
    marker.touch()  # as a poll leaves it that ends while it reads
    monkeypatch.setattr(form_reading, "read_part", partial(crash_at, at=1))
    done = inbox.ingest()
    assert (done.documents, done.rejected) == (1, 1)
    assert inbox.select("kind from rejects") == [{"kind": "crashed_reader"}]
    assert not marker.exists()


def test_second_poll_at_the_same_time_does_nothing(inbox: Inbox) -> None:
    inbox.drop(0)
    with inboxes.inbox_lock(inbox.settings, NAME) as is_held:
        assert is_held
        (report,) = poll(inbox.settings, PollJob(NAME), inbox.observer)
        assert report.ingest.is_busy
        assert inbox.ingest().is_busy
    assert inbox.observer.lines == ["slips: another poll of slips is running"] * 2
    assert inbox.rows() == []
    assert inbox.ingest().documents == 1


# Looks.


def test_look_lists_what_a_poll_would_take_and_takes_nothing(inbox: Inbox) -> None:
    inbox.drop(0, "a.png")
    inbox.ingest(MAY)
    inbox.drop(0, "b.png")
    inbox.drop(1, "c.png")
    (inbox.folder / "notes.txt").write_text("call Ada")
    rows = inbox.rows()
    seen = look(inbox.settings, NAME)
    assert [(each.item.path, each.status) for each in seen.files] == [
        ("notes.txt", "not_a_document"),
        ("b.png", "duplicate"),
        ("c.png", "taken"),
    ]
    assert seen.datasets == (today(),)
    assert inbox.rows() == rows


def test_look_does_not_wait_for_recent_files(inbox: Inbox) -> None:
    inbox.declare(settle_s=60)
    inbox.drop(0)
    started = time.monotonic()
    seen = look(inbox.settings, NAME)
    assert (seen.documents, seen.waiting) == ((), 1)
    assert time.monotonic() - started < 10


def test_look_at_an_earlier_time_leaves_out_what_came_later(inbox: Inbox) -> None:
    inbox.drop(0, "a.png", age_s=7200)
    inbox.drop(1, "b.png", age_s=60)
    inbox.ingest()
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    seen = look(inbox.settings, NAME, hour_ago)
    assert [each.item.path for each in seen.documents] == ["a.png"]
    assert look(inbox.settings, NAME).documents == ()


# Polls.


def test_poll_scores_the_new_documents_and_counts_the_decisions(read_inbox: Inbox) -> None:
    read_inbox.drop(0)
    read_inbox.drop(1)
    (report,) = poll(read_inbox.settings, PollJob(), read_inbox.observer)
    assert (report.ingest.documents, report.model) == (2, "digits/1")
    assert report.scored == report.ingest.digits > 0
    assert report.decisions == {"review": report.scored}  # there is no policy
    assert report.fields_waiting > 0
    assert Event.REVIEW_WAITING in {event for event, _ in read_inbox.observer.events}
    (again,) = poll(read_inbox.settings, PollJob(NAME), read_inbox.observer)
    assert (again.ingest.documents, again.scored, again.decisions) == (0, 0, {})
    read_inbox.drop(2)
    (third,) = poll(read_inbox.settings, PollJob(NAME), read_inbox.observer)
    assert third.scored == third.ingest.digits == sum(third.decisions.values())
    assert broken_checks(read_inbox.settings) == []


def test_poll_without_a_champion_leaves_the_digits_for_later(read_inbox: Inbox) -> None:
    registry = read_inbox.settings.registry
    client = registry.client()
    client.delete_registered_model_alias(registry.model_name, "champion")
    read_inbox.drop(0)
    (report,) = poll(read_inbox.settings, PollJob(), read_inbox.observer)
    assert (report.has_champion, report.scored, report.ingest.documents) == (False, 0, 1)
    assert any("no champion yet" in line for line in read_inbox.observer.lines)
    client.set_registered_model_alias(registry.model_name, "champion", "1")
    (report,) = poll(read_inbox.settings, PollJob(), read_inbox.observer)
    assert report.ingest.documents == 0
    assert report.scored > 0


def test_failing_inbox_does_not_stop_the_others(inbox: Inbox, tmp_path: Path) -> None:
    for name in ("a-first", "z-last"):
        (tmp_path / name).mkdir()
        declare_inbox(inbox.settings, name, str(tmp_path / name), (inbox.template,))
        (tmp_path / name).rmdir()
    inbox.drop(0)
    with pytest.raises(PipelineError, match=r"inbox a-first: cannot list .*; inbox z-last: cannot list"):
        poll(inbox.settings, PollJob(), inbox.observer)
    assert inbox.rows() == [("0.png", "taken")]


def test_poll_without_inboxes_returns_nothing(home: Path) -> None:
    settings = read_settings(home, "tester")
    assert poll(settings, PollJob()) == ()
    with pytest.raises(UnknownNameError, match="there is no inbox 'x'; available: none yet"):
        poll(settings, PollJob("x"))


# Declarations.


def test_new_declaration_replaces_the_former_and_a_removed_inbox_is_gone(
    inbox: Inbox, tmp_path: Path
) -> None:
    inbox.drop(0)
    inbox.ingest()
    other = write_template(tmp_path / "other")
    done = declare_inbox(inbox.settings, NAME, str(inbox.folder), (other,))
    assert done.former is not None and done.former.templates == (str(inbox.template),)
    (current,) = read_inboxes(inbox.settings.warehouse)
    assert current == InboxRecord(NAME, str(inbox.folder), (str(other),), None, None, SETTLE_S)
    remove_inbox(inbox.settings, NAME)
    assert read_inboxes(inbox.settings.warehouse) == []
    with pytest.raises(UnknownNameError):
        ingest_inbox(inbox.settings, NAME)
    inbox.declare()
    assert inbox.ingest().documents == 0  # its documents stay known


@pytest.mark.parametrize("name", ["", "Invoices", "in voices", "a/b", "../x", "-x", "x."])
def test_malformed_name_is_refused(inbox: Inbox, name: str) -> None:
    with pytest.raises(IngestError, match="is not a name for an inbox"):
        declare_inbox(inbox.settings, name, str(inbox.folder), (inbox.template,))


@pytest.mark.parametrize(
    "place",
    [
        "sftp://anna:hush@scanner.example/scans",
        "sftp://hush@scanner.example/scans",
        "s3://anna:hush@bucket/scans",
        "abfs://scans:hush@account/scans",
        "gs://bucket/scans?secret_key=hush",
    ],
)
def test_place_with_a_password_is_refused_and_the_password_never_printed(inbox: Inbox, place: str) -> None:
    with pytest.raises(IngestError, match="must not contain a user, a password or a key") as caught:
        declare_inbox(inbox.settings, "remote", place, (inbox.template,))
    assert "hush" not in str(caught.value)
    assert [each.name for each in read_inboxes(inbox.settings.warehouse)] == [NAME]


def test_other_users_cannot_list_the_copies_of_documents(inbox: Inbox) -> None:
    inbox.ingest()
    assert (inbox.settings.home / "inboxes").stat().st_mode & 0o077 == 0


def test_declaration_that_cannot_work_is_refused(inbox: Inbox, tmp_path: Path) -> None:
    settings, place, templates = inbox.settings, str(inbox.folder), (inbox.template,)
    with pytest.raises(IngestError, match="there is no folder"):
        declare_inbox(settings, NAME, str(tmp_path / "missing"), templates)
    with pytest.raises(IngestError, match="there is no template"):
        declare_inbox(settings, NAME, place, (tmp_path / "missing.yaml",))
    with pytest.raises(IngestError, match="the same template is given twice"):
        declare_inbox(settings, NAME, place, templates * 2)
    with pytest.raises(IngestError, match="is in the archive"):
        declare_inbox(settings, NAME, place, templates, archive=inbox.folder.parent)


def test_key_of_an_object_never_leads_out_of_the_home(inbox: Inbox) -> None:
    folder = inbox.settings.home / "inboxes" / NAME
    for key in ("../../x.png", "/etc/x.png", "a//b.png", "./a"):
        path = scan_path(inbox.settings, NAME, key)
        assert path.resolve().is_relative_to(folder)

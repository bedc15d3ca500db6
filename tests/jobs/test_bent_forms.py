"""Bent paper in whole jobs: the database records warps, and pictures show rejected pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.forms.alignment.warps import Warp
from lenet_pipeline.forms.filling.demo_form import DemoForm, draw_demo_form
from lenet_pipeline.forms.filling.scanning import scan_sheet
from lenet_pipeline.forms.filling.severities import Severity
from lenet_pipeline.jobs import FormIngestJob, ingest_forms
from lenet_pipeline.settings import Settings
from tests.homes import Run
from tests.jobs.form_builders import ask, broken_checks

pytestmark = pytest.mark.slow

DPI = 200


@pytest.fixture(scope="module")
def demo_form(tmp_path_factory: pytest.TempPathFactory) -> DemoForm:
    """A blank form and its template: look at them, never write."""
    return draw_demo_form(tmp_path_factory.mktemp("form"))


def scan_blank(form: DemoForm, path: Path, severity: Severity) -> Path:
    with Image.open(form.blank) as blank:
        sheet, dpi = np.asarray(blank.convert("L")), float(blank.info["dpi"][0])
    scan = scan_sheet(sheet, dpi, severity, np.random.default_rng(4))
    Image.fromarray(scan.image).save(path, dpi=(DPI, DPI))
    return path


def test_the_warp_of_a_bent_page_is_recorded_and_a_flat_page_has_none(
    settings: Settings, demo_form: DemoForm, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    scan_blank(demo_form, folder / "bent.png", Severity(bend_mm=3, noise=3))
    scan_blank(demo_form, folder / "flat.png", Severity(noise=3))
    outcome = ingest_forms(settings, FormIngestJob(folder, (demo_form.template,), "notes/all"))
    assert (outcome.read, outcome.rejected) == (2, 0)
    bent, flat = ask(settings, "select source, warp, residual_px from pages order by source")
    assert Path(bent["source"]).name == "bent.png"
    assert flat["warp"] is None
    warp = Warp(np.array(bent["warp"]))
    points = np.array([[x, y] for x in (200.0, 800.0, 1400.0) for y in (200.0, 1200.0, 2100.0)])
    assert 4 < np.hypot(*(warp.move(points) - points).T).max() < 40
    assert bent["residual_px"] < 1
    assert broken_checks(settings) == []


def test_a_rejected_page_is_shown_with_the_residuals_of_its_print(
    lenet: Run, demo_form: DemoForm, tmp_path: Path
) -> None:
    text = demo_form.template.read_text().replace("fields:", "max_residual_px: 0.01\nfields:", 1)
    strict = demo_form.template.with_name("strict.yaml")
    strict.write_text(text)
    scan = scan_blank(demo_form, tmp_path / "bent.png", Severity(bend_mm=2, noise=3))
    picture = tmp_path / "residuals.png"
    shown = lenet("forms", "show", str(strict), str(scan), "--output", str(picture))
    assert shown.returncode == 1
    assert "could not be read" in shown.stderr
    assert f"{picture} shows where its print is" in shown.stderr
    with Image.open(picture) as drawn:
        pixels = np.asarray(drawn.convert("RGB"))
    assert (pixels == (213, 94, 0)).all(axis=2).sum() > 500  # print that is more than 0.5 mm off

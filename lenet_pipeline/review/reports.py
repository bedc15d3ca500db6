"""The reports of scoring runs, to which Prefect's pages link."""

from __future__ import annotations

from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from lenet_pipeline.audit import report_path
from lenet_pipeline.review.context import context_of

# A report brings its own styles and pictures, and no scripts.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)


def show_report(request: Request) -> Response:
    """Show the report of a scoring run."""
    run: UUID = request.path_params["run"]
    path = report_path(context_of(request).settings, run)
    if not path.is_file():
        raise HTTPException(404, f"There is no report. Create it with `lenet report {run}`.")
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


routes = (Route("/reports/report-{run:uuid}.html", show_report),)

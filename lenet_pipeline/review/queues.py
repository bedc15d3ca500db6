"""The start page with the queues, and the progress page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lenet_pipeline.review.pages import render


def show_queues(request: Request) -> Response:
    """Show the queues."""
    return render(request, "home.html")


def show_progress(request: Request) -> Response:
    """Show what has been verified."""
    return render(request, "progress.html")


routes = [Route("/", show_queues), Route("/progress", show_progress)]

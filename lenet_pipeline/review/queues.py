"""The start page with the queues."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lenet_pipeline.review.pages import render


def show_queues(request: Request) -> Response:
    """Show the queues."""
    return render(request, "home.html")


routes = [Route("/", show_queues)]

"""Groups: all digits that a run read as the same digit, as a grid of pictures, the least sure first."""

from __future__ import annotations

from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from lenet_pipeline.review.context import context_of, session_of, work_of
from lenet_pipeline.review.inputs import read_number
from lenet_pipeline.review.pages import render
from lenet_pipeline.review.queues import list_groups
from lenet_pipeline.review.work import LISTED, GroupQueue

_MOST_TILES = 120
_LARGEST = 9_999
_MOST_SKIPPED = 1_000
_NO_GROUP = "There is no such group. Open one from the queues."


def show_group(request: Request) -> Response:
    """Show the page of a group; its digits are fetched by ``/api/groups/next``."""
    queue = _queue(request)
    rows = context_of(request).counts.find(queue.scoring_run_id)
    if not rows:
        return RedirectResponse("/", 303)
    groups = list_groups(queue.scoring_run_id, rows)
    return render(
        request,
        "groups.html",
        queue=queue,
        dataset=rows[0]["dataset"],
        groups=groups,
        group=groups[queue.label],
    )


def next_group(request: Request) -> Response:
    """Reserve the next digits of a group for the person, and return them with their pictures.

    Parameters: run, label, open (1 for digits that no policy accepts, 0 for all), most (number of digits),
    skip (ids of digits that the page already has, with commas between them).
    """
    queue, name = _queue(request), session_of(request).name
    work, values = work_of(request), request.query_params
    skipped = [digit_id for digit_id in values.get("skip", "").split(",") if digit_id]
    if len(skipped) > _MOST_SKIPPED:
        raise HTTPException(422, f"skip has more than {_MOST_SKIPPED} ids.")
    most = min(read_number(values.get("most", "60"), "most", 1, _LARGEST), _MOST_TILES)
    rows = list(work.digits.next(queue, name, most, skipped).values())
    listed = work.digits.listed(queue)
    pictures = context_of(request).pictures.read(queue.scoring_run_id, rows, listed)
    tiles = [
        {
            "digit_id": row["digit_id"],
            "shard_score_id": row["shard_score_id"],
            "label": row["label"],
            "confidence": row["confidence"],
            "not_a_digit": row["not_a_digit"],
            "picture": pictures.get(row["digit_id"]),
        }
        for row in rows
    ]
    return JSONResponse(
        {
            "tiles": tiles,
            "left": len(listed),
            "has_more": len(listed) >= LISTED,
            "held": work.reservations.count_held((row["digit_id"] for row in listed), name),
        }
    )


def _queue(request: Request) -> GroupQueue:
    values = request.query_params
    try:
        run = str(UUID(values.get("run", "")))
    except ValueError:
        raise HTTPException(404, _NO_GROUP) from None
    label = read_number(values.get("label", ""), "label", 0, _LARGEST)
    if label > 9:
        raise HTTPException(404, _NO_GROUP)
    return GroupQueue(run, label, values.get("open", "1") != "0")


routes = [Route("/groups", show_group), Route("/api/groups/next", next_group)]

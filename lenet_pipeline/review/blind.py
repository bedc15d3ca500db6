"""Blind second readings: draw a sample, and answer its items without the prediction or others' answers."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from lenet_pipeline.audit import revise
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.review.blind_pictures import find_picture
from lenet_pipeline.review.context import context_of, form_of, json_of, session_of, warehouse_of, work_of
from lenet_pipeline.review.inputs import read_seconds, read_uuid
from lenet_pipeline.review.number_signs import add_number_signs, only_digits
from lenet_pipeline.review.pages import render
from lenet_pipeline.review.signs import SIGNS
from lenet_pipeline.review.verdicts import judge_field
from lenet_pipeline.schema import NEW_FIELD_REVIEWS, NEW_REVIEWS
from lenet_pipeline.warehouse import (
    BLIND,
    BlindAnswer,
    BlindDraw,
    VerdictBatch,
    draw_blind_sample,
    find_blind_item,
    list_blind_items,
    list_blind_samples,
    record_blind_answer,
    withdraw_blind_answer,
)

_AT_ONCE = 4  # items that a browser holds: the one on screen and the next ones
_LARGEST_SAMPLE = 100_000
_MOST_SKIPPED = 200
_FIELD_ANSWER = re.compile(r"-?[0-9?]{0,200}([.][0-9?]{1,200})?")
_DIGIT_ANSWER = re.compile(r"[0-9?X]?")


def show_samples(request: Request) -> Response:
    """List the samples with their progress, and offer to draw another one."""
    return _render_samples(request)


def draw_sample(request: Request) -> Response:
    """Draw a sample as a form describes it, and open it."""
    form = form_of(request)
    try:
        draw = _read_draw(form)
        drawn = draw_blind_sample(warehouse_of(request), draw, session_of(request).name)
    except PipelineError as exc:
        return _render_samples(request, 422, form, str(exc))
    return RedirectResponse(f"/blind/{drawn.sample_id}", 303)


def show_sample(request: Request) -> Response:
    """Show the page that asks for one answer after the other."""
    sample_id = _sample_id(request)
    samples = list_blind_samples(warehouse_of(request), session_of(request).name, sample_id).to_pylist()
    if not samples:
        raise HTTPException(404, "There is no such sample.")
    return render(request, "blind_sample.html", sample=samples[0])


def list_items(request: Request) -> Response:
    """Reserve the next items for a person and return them, without the items to ``skip``.

    Neither the prediction nor an answer is part of the response.
    """
    sample_id, person = _sample_id(request), session_of(request).name
    skipped = _read_numbers(request.query_params.get("skip", ""))
    rows = [
        row
        for row in list_blind_items(warehouse_of(request), sample_id, person).to_pylist()
        if row["item_number"] not in skipped
    ]
    seats = work_of(request).reservations
    items: list[dict[str, Any]] = []
    for row in rows:
        if len(items) == _AT_ONCE:
            break
        if seats.take_seat(_place(sample_id, row["item_number"]), person, row["seats"]):
            shown = {name: row[name] for name in ("item_number", "kind", "form", "field")}
            picture = f"/api/blind/{sample_id}/{row['item_number']}/picture"
            items.append({**shown, "picture": picture})
    return JSONResponse({"items": items, "left": len(rows)})


def show_picture(request: Request) -> Response:
    """Return the picture of an item."""
    sample_id = _sample_id(request)
    item = find_blind_item(warehouse_of(request), sample_id, request.path_params["item"])
    picture = item and find_picture(context_of(request).settings, warehouse_of(request), sample_id, item)
    if not picture:
        raise HTTPException(404, "There is no such picture.")
    kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
    return Response(picture, media_type=kind)


def post_answer(request: Request) -> Response:
    """Record an answer; a repeated ``batch_id`` changes nothing. The body has batch_id, answer and seconds.

    If the answer settles the item, the verdict is recorded in the same transaction. The response is the same
    in either case, because it would tell what another person answered.
    """
    body, person = json_of(request), session_of(request).name
    sample_id, number = _sample_id(request), request.path_params["item"]
    item = find_blind_item(warehouse_of(request), sample_id, number)
    if item is None:
        raise HTTPException(404, "There is no such item.")
    value = body.get("answer")
    expected = _FIELD_ANSWER if item["field_id"] else _DIGIT_ANSWER
    if not isinstance(value, str) or not expected.fullmatch(value):
        raise HTTPException(
            422, "An answer has digits and ? only, and a point and a minus; a digit has one sign."
        )
    seconds = read_seconds(body.get("seconds"))
    answer = BlindAnswer(read_uuid(body.get("batch_id")), sample_id, number, value, person, seconds)
    verdict = _judge(item, answer)
    work, place = work_of(request), _place(sample_id, number)
    try:
        if record_blind_answer(warehouse_of(request), answer, verdict, revise):
            digits = [cell["digit_id"] for cell in item["cells"] if cell["digit_id"]]
            work.finish(answer.batch_id, [item["field_id"] or item["digit_id"], *digits], person)
    finally:
        work.reservations.leave_seat(place, person)
    return JSONResponse({"recorded": 1})


def post_withdrawal(request: Request) -> Response:
    """Take back a person's answer, if no one else has answered the item."""
    sample_id, number = _sample_id(request), request.path_params["item"]
    undone = withdraw_blind_answer(
        warehouse_of(request), sample_id, number, uuid4(), session_of(request).name
    )
    return JSONResponse({"undone": undone})


def _judge(item: dict[str, Any], answer: BlindAnswer) -> VerdictBatch:
    """Turn an answer into the verdict that it becomes if it settles the item."""
    if item["digit_id"]:
        verdict = {
            "digit_id": UUID(item["digit_id"]).bytes,
            "shard_score_id": UUID(item["shard_score_id"]).bytes,
            "verdict": SIGNS[answer.answer],
            "note": None,
        }
        digits, fields = [verdict], []
    else:
        signs = _signs(item["cells"], answer.answer)
        judged, digits = judge_field(item["cells"], signs)
        ids = {name: UUID(item[name]).bytes for name in ("field_id", "page_id")}
        fields = [{**ids, **judged}]
    return VerdictBatch(
        answer.verdict_id,
        answer.actor,
        BLIND,
        digits=pa.Table.from_pylist(digits, schema=NEW_REVIEWS),
        fields=pa.Table.from_pylist(fields, schema=NEW_FIELD_REVIEWS),
        seconds=answer.seconds,
        reviewed_at=answer.answered_at,
    )


def _signs(cells: list[dict[str, Any]], answer: str) -> list[str]:
    """Give each cell with a digit its character, if there are as many characters as such cells."""
    characters = list(only_digits(answer))
    if not characters or len(characters) != sum(cell["state"] == "digit" for cell in cells):
        return list(answer)
    others = {"blank": "", "mark": "X"}
    signs = [others[cell["state"]] if cell["state"] in others else characters.pop(0) for cell in cells]
    return [sign or "" for sign in add_number_signs(signs, cells, answer, is_typed=True)]


def _render_samples(
    request: Request, status: int = 200, form: dict[str, str] | None = None, problem: str = ""
) -> Response:
    person = session_of(request).name
    # Work that the person held while they were on the page of a sample is free again.
    work_of(request).reservations.leave_places("blind/", person)
    samples = list_blind_samples(warehouse_of(request), person).to_pylist()
    empty = dict.fromkeys(("form", "field", "reason", "name"), "")
    given = {"origin": "run", "run": "latest", "size": "100", "seed": str(len(samples)), **empty}
    given |= form or {}
    return render(request, "blind.html", status, samples=samples, given=given, problem=problem)


def _read_draw(form: dict[str, str]) -> BlindDraw:
    def text(name: str) -> str | None:
        return form.get(name, "").strip() or None

    is_queue = form.get("origin") == "queue"
    run = text("run")
    return BlindDraw(
        is_queue=is_queue,
        run=None if is_queue and run in (None, "latest", "all") else run,
        form=text("form"),
        field=text("field"),
        reason=text("reason") if is_queue else None,
        size=_read_count(form, "size", 1, _LARGEST_SAMPLE),
        seed=_read_count(form, "seed", 0, 2**31),
        name=(text("name") or "")[:100],
    )


def _read_count(form: dict[str, str], name: str, least: int, most: int) -> int:
    given = form.get(name, "").strip()
    if not (given.isascii() and given.isdecimal() and len(given) <= 12 and least <= int(given) <= most):
        raise PipelineError(f"{name} must be a number from {least:,} to {most:,}")
    return int(given)


def _read_numbers(text: str) -> set[int]:
    numbers = [number for number in text.split(",") if number]
    if len(numbers) > _MOST_SKIPPED or not all(n.isascii() and n.isdecimal() for n in numbers):
        raise HTTPException(422, "skip must be a list of numbers.")
    return {int(number) for number in numbers}


def _sample_id(request: Request) -> UUID:
    found: UUID = request.path_params["sample_id"]
    return found


def _place(sample_id: UUID, item_number: int) -> str:
    return f"blind/{sample_id}/{item_number}"


_ITEM = "/api/blind/{sample_id:uuid}/{item:int}"

routes = [
    Route("/blind", show_samples, methods=["GET"]),
    Route("/blind", draw_sample, methods=["POST"]),
    Route("/blind/{sample_id:uuid}", show_sample, methods=["GET"]),
    Route("/api/blind/{sample_id:uuid}/items", list_items, methods=["GET"]),
    Route(f"{_ITEM}/picture", show_picture, methods=["GET"]),
    Route(_ITEM, post_answer, methods=["POST"]),
    Route(f"{_ITEM}/undo", post_withdrawal, methods=["POST"]),
]

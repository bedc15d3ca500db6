"""The final state of a flow run: its message says in one line what the job did."""

from __future__ import annotations

from typing import TypeVar, cast

from prefect.states import Completed

Result = TypeVar("Result")


def completed(message: str, result: Result) -> Result:
    """Return the final state of a flow, from which Prefect takes the result for the flow's caller."""
    return cast("Result", Completed(message=message, data=result))

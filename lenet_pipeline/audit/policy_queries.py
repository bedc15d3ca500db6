"""List the recorded policies, and find the one in force."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import AsOf, run_audit

DIGIT, FIELD = "digit", "field"


def list_policies(settings: Settings, as_of: AsOf | None = None) -> pa.Table:
    """Return the rows of the audit ``policies``, oldest first.

    Raises:
        WarehouseError: the database cannot be read.
    """
    return run_audit(settings.warehouse, "policies", {}, as_of)


def find_policy(settings: Settings, number: int | None, as_of: AsOf | None = None) -> dict[str, Any]:
    """Return the policy with a number, or the newest if the number is None.

    Raises:
        UnknownNameError: no policy has this number.
        WarehouseError: the database cannot be read.
    """
    policies: list[dict[str, Any]] = list_policies(settings, as_of).to_pylist()
    wanted = [policy for policy in policies if number in (None, policy["policy_number"])]
    if wanted:
        return wanted[-1]
    known = [str(policy["policy_number"]) for policy in policies]
    raise UnknownNameError("policy", str(number or "newest"), known, "Set one with `lenet policy set`")


def list_strata(settings: Settings, number: int, as_of: AsOf | None = None) -> pa.Table:
    """Return the rows of the audit ``policy_strata`` for a policy.

    Raises:
        WarehouseError: the database cannot be read.
    """
    return run_audit(settings.warehouse, "policy_strata", {"number": str(number)}, as_of)


def find_policy_in_force(
    settings: Settings, reference: str, precision: str, subject: str = DIGIT
) -> dict[str, Any] | None:
    """Return the newest policy for a model version, such as ``digits/3``; None if there is none.

    It decides on the readings of this version, even if another version is champion.

    Raises:
        WarehouseError: the database cannot be read.
    """
    policies: list[dict[str, Any]] = list_policies(settings).to_pylist()
    for policy in policies:
        wanted = (policy["subject"], policy["model_version"], policy["precision"])
        if wanted == (subject, reference, precision) and policy["is_newest"]:
            return policy
    return None

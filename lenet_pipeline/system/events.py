"""The events that jobs announce. An automation can notify a person about one, or start a deployment."""

from enum import StrEnum


class Event(StrEnum):
    """The name of an event."""

    DRIFT = "lenet.drift"
    GATE_REFUSED = "lenet.gate.refused"
    PROMOTED = "lenet.gate.promoted"
    TARGET_MISSED = "lenet.policy.target-missed"
    REVIEW_WAITING = "lenet.review.waiting"
    INBOX_TROUBLE = "lenet.inbox.trouble"

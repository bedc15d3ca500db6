"""Automations as code: notify a webhook and an e-mail address, and mark runs crashed whose process died.

``lenet serve`` creates and updates them. A notification goes to each block that the settings configure. An
automation that a person paused in Prefect's pages stays paused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture, SendNotification
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_UI_URL
from prefect.types import SecretDict
from pydantic import SecretStr

from flows.writer import home_key
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import Event

_HOUR = timedelta(hours=1)
_SILENCE = timedelta(minutes=10)  # more than three times Prefect's default interval of heartbeats
_ENDED = ("Completed", "Failed", "Crashed", "Cancelled", "TimedOut")


def set_up_automations(client: SyncPrefectClient, settings: Settings) -> list[str]:
    """Create or update the automations of a home, and delete those without a notification to send.

    Args:
        client: of the Prefect server.
        settings: of the home; ``notify_webhook`` and ``notify_email`` say where notifications go.

    Returns:
        The names of the automations.
    """
    wanted = {each.name: each for each in build_automations(settings, save_blocks(settings))}
    notifications = {each.name for each in build_automations(settings, [UUID(int=0)])}
    for name in sorted(notifications | wanted.keys()):
        found = client.read_automations_by_name(name)
        automation = wanted.get(name)
        if automation is None:
            for each in found:
                client.delete_automation(each.id)
        elif found:
            fields = automation.model_dump(exclude={"owner_resource"})  # an update omits unset fields
            client.update_automation(found[0].id, AutomationCore(**fields | {"enabled": found[0].enabled}))
        else:
            client.create_automation(automation)
    return list(wanted)


def save_blocks(settings: Settings) -> list[UUID]:
    """Save the notification blocks that the settings configure, and return their ids.

    The e-mail block has the type Slack Webhook, because it is the only type of Prefect's own server that
    passes any other address to Apprise, which sends the mail.
    """
    blocks: dict[str, Any] = {}
    if settings.notify_webhook is not None:
        blocks["webhook"] = CustomWebhookNotificationBlock(
            name=f"lenet {settings.home.name}",
            url="{{url}}",
            secrets=SecretDict({"url": settings.notify_webhook.get_secret_value()}),
            json_data={"text": "{{subject}}\n{{body}}"},
        )
    if settings.notify_email is not None:
        blocks["email"] = SlackWebhook(url=SecretStr(settings.notify_email.get_secret_value()))
    key = home_key(settings.home)
    return [block.save(f"{key}-{kind}", overwrite=True) for kind, block in blocks.items()]


def build_automations(settings: Settings, blocks: Sequence[UUID]) -> list[AutomationCore]:
    """Build the automations of a home.

    Args:
        settings: of the home.
        blocks: the notification blocks; without any, no automation notifies.
    """
    home = settings.home.name
    tag = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{home}"}

    def notify(what: str, trigger: EventTrigger, subject: str, body: str, description: str) -> AutomationCore:
        actions = [
            SendNotification(block_document_id=block, subject=f"{home}: {subject}", body=body + run)
            for block in blocks
        ]
        return AutomationCore(
            name=f"{home}: {what}", description=description, trigger=trigger, actions=actions
        )

    def on(event: Event, at_most_every: timedelta = timedelta(0)) -> EventTrigger:
        return EventTrigger(
            expect={event}, match_related=tag, for_each={"prefect.resource.id"}, within=at_most_every
        )

    run = f"\n{PREFECT_UI_URL.value()}/runs/flow-run/{{{{ flow_run.id }}}}" if PREFECT_UI_URL.value() else ""
    review = f"\n{settings.base_url}" if settings.base_url else ""
    notifications = [
        notify(
            "run failed",
            EventTrigger(
                expect={f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "TimedOut")},
                match={"prefect.resource.id": "prefect.flow-run.*"},
                match_related=[tag, {"prefect.resource.role": "deployment"}],
                for_each={"related:deployment:prefect.resource.id"},
                within=_HOUR,
            ),
            "{{ flow_run.name }} failed",
            "{{ flow_run.state.message }}",
            "A run of a deployment failed or crashed. At most one notification an hour per deployment.",
        ),
        notify(
            "version refused",
            on(Event.GATE_REFUSED),
            "{{ event.resource.name }} is not promoted",
            "{{ event.payload.reason }}",
            "The gate refused a new model version.",
        ),
        notify(
            "target missed",
            on(Event.TARGET_MISSED),
            "{{ event.resource.name }} cannot meet a policy's target",
            '{{ event.payload.targets | join("\n") }}',
            "A new model version cannot meet the target of a policy.",
        ),
        notify(
            "drift",
            on(Event.DRIFT),
            "drift in {{ event.resource.name }}",
            'These measures differ from the training digits: {{ event.payload | join(", ") }}.',
            "A scoring run differs from the digits that its model version learned from.",
        ),
        notify(
            "trouble in an inbox",
            on(Event.INBOX_TROUBLE, _HOUR),
            "documents of {{ event.payload.inbox }} were not read",
            "{{ event.payload.unmatched }} pages fit no template, "
            "{{ event.payload.rejected }} were rejected, "
            "{{ event.payload.unreadable }} files could not be opened.",
            "An inbox has documents that were not read. At most one notification an hour per inbox.",
        ),
        notify(
            "review work waiting",
            on(Event.REVIEW_WAITING, _HOUR),
            "{{ event.payload.fields }} fields and {{ event.payload.digits | default(0) }} digits "
            "wait for review",
            f"Open the review pages.{review}",
            "Fields or digits wait for a person. At most one notification an hour per inbox.",
        ),
    ]
    return [_crash_dead_runs(home, tag), *(notifications if blocks else [])]


def _crash_dead_runs(home: str, tag: dict[str, str]) -> AutomationCore:
    """Build the automation that ends runs whose process was killed together with the process that watched it.

    Otherwise such a run would stay in the state Running, and keep the next run of its deployment waiting.
    """
    heartbeat = "prefect.flow-run.heartbeat"
    return AutomationCore(
        name=f"{home}: dead run",
        description="A run sends no heartbeats any more: mark it crashed, so that the next one can start.",
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *(f"prefect.flow-run.{state}" for state in _ENDED)},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=tag,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            within=_SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, message="No heartbeats for 10 minutes: the process was killed."
            )
        ],
    )


def main() -> None:
    """Set up the automations of the home of the environment, for deployments on a work pool."""
    with get_client(sync_client=True) as client:
        for name in set_up_automations(client, read_settings()):
            print(name)  # noqa: T201


if __name__ == "__main__":
    main()

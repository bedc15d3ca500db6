"""``lenet policy``: which readings are accepted unseen, and on what evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import plain_text
from lenet_pipeline.cli.command import command, refuse_options_before_the_verb
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    console,
    print_records,
    print_rows,
    tell_of_snapshot,
)

if TYPE_CHECKING:
    from lenet_pipeline.audit import SetPolicy
    from lenet_pipeline.settings import Settings

policy_app = typer.Typer(help="Which readings are accepted unseen: thresholds with a guarantee.")


@command
def list_policies(
    settings: Settings,
    context: typer.Context,
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the policies, their thresholds and the evidence they rest on."""
    if context.invoked_subcommand:
        refuse_options_before_the_verb(context)
        return
    from lenet_pipeline.warehouse import AsOf, run_audit

    as_of = AsOf()
    policies = run_audit(settings.warehouse, "policies", {}, as_of)
    tell_of_snapshot(as_of)
    if not len(policies) and output_format is Format.TABLE:
        console.print("no policy yet: every digit is for review; make one with `lenet policy set`")
        return
    print_rows(policies, output_format, output)


@policy_app.command("set", epilog="Example: lenet policy set --max-error 0.005 --on mnist/test")
@command
def set_command(
    settings: Settings,
    max_error: Annotated[
        float,
        typer.Option(
            min=0.000001, max=0.999999, help="Largest share of what is accepted that may be wrong, 0 to 1"
        ),
    ],
    certainty: Annotated[
        float, typer.Option(min=0.5, max=0.999999, help="Probability with which that holds, 0 to 1")
    ] = 0.95,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="DATASET",
            help="Labelled digits that the version never learned from (default: its gate split)",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="digits@champion, digits/3, champion or 3")] = "digits@champion",
    is_for_fields: Annotated[
        bool, typer.Option("--fields", help="For whole fields of forms, on fields of known truth")
    ] = False,
    not_a_digit_from: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="not_a_digit from which there is no digit, 0 to 1")
    ] = 0.5,
    review_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of what is accepted that people see all the same")
    ] = 0.01,
    review_seed: Annotated[int, typer.Option(min=0, help="What that sample is drawn by")] = 0,
    precision: Annotated[
        str, typer.Option(help="Of the runs that it decides on: float32 or fast")
    ] = "float32",
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Find the lowest confidence from which few enough accepted readings are wrong, and put it in force."""
    from lenet_pipeline.audit import DIGIT, FIELD, PolicyTerms, set_policy

    terms = PolicyTerms(precision, max_error, certainty, not_a_digit_from, review_rate, review_seed)
    policy = set_policy(settings, model, terms, dataset, FIELD if is_for_fields else DIGIT)
    if output_format is Format.TABLE:
        print_policy(policy)
    else:
        record = {"policy_number": policy.number, **vars(policy.record), "plot": str(policy.plot)}
        print_records([record], output_format)


def print_policy(policy: SetPolicy) -> None:
    """Print a policy that was set, and its evidence."""
    record = policy.record
    things = f"{record.subject}s"
    target = f"at most {record.max_error:.4g} wrong, with a certainty of {record.certainty:g}"
    console.print(
        f"policy {policy.number} for {record.model_name}/{record.model_version}, {things}: {target}",
        highlight=False,
    )
    console.print(
        f"  evidence: {record.labelled:,} {things}, {record.evidence}", markup=False, highlight=False
    )
    if record.threshold is None:
        console.print(
            "  [bold]nothing is accepted:[/] no threshold can be shown to keep that", highlight=False
        )
        console.print(_shortage(policy), highlight=False)
    else:
        share = record.accepted / record.labelled
        console.print(
            f"  accepted from a confidence of {plain_text(record.threshold)}: "
            f"{record.accepted:,} ({share:.2%})",
            highlight=False,
        )
        console.print(
            f"  {record.errors:,} of them wrong; of all such {things} at most {record.error_bound:.4%}",
            highlight=False,
        )
        console.print(f"  of those {record.review_rate:.2%} are for review all the same", highlight=False)
    if record.calibration_error is not None:
        console.print(
            f"  calibrated: expected calibration error {record.calibration_error:.4f}, "
            f"{record.calibrated_error:.4f} after it",
            highlight=False,
        )
    console.print(f"  {policy.plot}", soft_wrap=True, highlight=False, markup=False)


def _shortage(policy: SetPolicy) -> str:
    record = policy.record
    if record.labelled_needed is None:
        return (
            f"  of the {record.accepted:,} surest {record.errors:,} are wrong: more labelled ones like these "
            "would not help"
            if record.accepted
            else f"  no labelled {record.subject} is sure enough to begin with"
        )
    more = max(1, record.labelled_needed - record.labelled)
    return f"  about {more:,} more labelled {record.subject}s of this kind would"

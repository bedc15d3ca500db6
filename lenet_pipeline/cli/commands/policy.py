"""``lenet policy``: the confidence thresholds for acceptance without review, and their evidence."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lenet_pipeline.audit import plain_text
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    print_line,
    print_records,
    print_rows,
    report_snapshot,
)
from lenet_pipeline.errors import PolicyError

if TYPE_CHECKING:
    from lenet_pipeline.audit import ProposedPolicy, SetPolicy
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.warehouse import PolicyStratum

policy_app = typer.Typer(help="Set and show the thresholds for acceptance without review.")


_NO_POLICIES = "no policies yet, so every digit needs review; set one with `lenet policy set`"
_SHOWN = [
    "policy_number",
    "model_version",
    "subject",
    "is_in_force",
    "max_error",
    "threshold",
    "coverage_pct",
    "stratified_by",
    "evidence",
]


# Also what `lenet policy` does without a verb; see app.py.
@policy_app.command("list", epilog="Example: lenet policy list --format json")
@command
def list_policies(
    settings: Settings,
    context: typer.Context,  # noqa: ARG001 - read by the decorator
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the policies, their thresholds and their evidence."""
    from lenet_pipeline.audit import list_policies as list_recorded
    from lenet_pipeline.warehouse import AsOf

    is_table = output_format is Format.TABLE and output is None
    if is_table and not settings.warehouse.path.exists():
        print_line(_NO_POLICIES)
        return
    as_of = AsOf()
    policies = list_recorded(settings, as_of)
    report_snapshot(as_of)
    if is_table and not len(policies):
        print_line(_NO_POLICIES)
        return
    print_rows(policies.select(_SHOWN) if is_table else policies, output_format, output)


@policy_app.command("show", epilog="Example: lenet policy show 2")
@command
def show_command(
    settings: Settings,
    number: Annotated[
        int | None, typer.Argument(min=1, help="Number of the policy (default: the newest)")
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Show everything recorded about a policy, with the threshold of each stratum."""
    from lenet_pipeline.audit import find_policy, list_strata
    from lenet_pipeline.warehouse import AsOf

    as_of = AsOf()
    policy = find_policy(settings, number, as_of)
    strata = list_strata(settings, policy["policy_number"], as_of)
    report_snapshot(as_of)
    if output_format is Format.TABLE:
        print_records([policy], output_format)
        if len(strata):
            print_rows(strata.drop(["policy_number"]), output_format, None)
    else:
        print_records([policy | {"strata": strata.to_pylist()}], output_format)


@policy_app.command("set", epilog="Example: lenet policy set --max-error 0.005 --on mnist/test")
@command
def set_command(
    settings: Settings,
    max_error: Annotated[
        float,
        typer.Option(
            min=0.000001, max=0.999999, help="Maximum share of wrong readings among the accepted, 0 to 1"
        ),
    ],
    certainty: Annotated[
        float, typer.Option(min=0.5, max=0.999999, help="Probability that the maximum error holds, 0 to 1")
    ] = 0.95,
    datasets: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar="DATASET",
            help="Labelled digits the version was not trained on (default: its gate split); repeatable",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Model version: champion, challenger, or a number")] = "champion",
    is_for_fields: Annotated[
        bool, typer.Option("--fields", help="Decide on whole fields of forms, from fields with known truth")
    ] = False,
    not_a_digit_from: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Lowest not_a_digit that means no digit, 0 to 1")
    ] = 0.5,
    review_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of accepted readings sampled for review, 0 to 1")
    ] = 0.01,
    review_seed: Annotated[int, typer.Option(min=0, help="Seed of the review sample")] = 0,
    precision: Annotated[
        str, typer.Option(help="Precision of the runs it applies to: float32 or fast")
    ] = "float32",
    per: Annotated[
        Literal["dataset", "form"] | None,
        typer.Option(help="Also find a threshold for each dataset name or form with enough evidence"),
    ] = None,
    if_drift: Annotated[
        Literal["hold", "accept"] | None,
        typer.Option(
            help="If a run differs from the evidence: hold its readings for review, or accept them "
            "(default: as the retraining schedule says, or hold)"
        ),
    ] = None,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the policy without putting it in force")
    ] = False,
    is_confirmed: Annotated[
        bool, typer.Option("--yes", help="Do not ask before a policy that accepts nothing replaces another")
    ] = False,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Find the lowest threshold within a maximum error.

    The threshold is chosen on labelled readings and put in force, unless --dry-run is given.
    """
    from lenet_pipeline.audit import DIGIT, FIELD, PolicyTerms, propose_policy, set_policy

    terms = PolicyTerms(
        max_error=max_error,
        certainty=certainty,
        datasets=tuple(datasets or ()),
        model=model,
        subject=FIELD if is_for_fields else DIGIT,
        precision=precision,
        not_a_digit_from=not_a_digit_from,
        review_rate=review_rate,
        review_seed=review_seed,
        per=per,
        if_drift=if_drift,
    )
    proposed = propose_policy(settings, terms)
    if is_dry_run:
        _print(None, proposed, output_format)
        print_line("dry run: this policy is not in force", style="yellow")
        return
    if proposed.accepts_nothing and not is_confirmed:
        _confirm_replacing(settings, proposed, output_format)
    policy = set_policy(settings, proposed)
    _print(policy, proposed, output_format)


def _confirm_replacing(settings: Settings, proposed: ProposedPolicy, output_format: Format) -> None:
    """Ask before a policy that accepts nothing replaces one that accepts something.

    Raises:
        PolicyError: standard input is not a terminal.
    """
    from lenet_pipeline.audit import find_policy_in_force, list_strata

    record = proposed.record
    reference = f"{record.model_name}/{record.model_version}"
    former = find_policy_in_force(settings, reference, record.precision, record.subject)
    if former is None:
        return
    strata = list_strata(settings, former["policy_number"]).to_pylist()
    names = [row["stratum"] for row in strata if row["threshold"] is not None]
    if former["threshold"] is not None:
        accepted = f"{former['coverage_pct']:g}% of its evidence"
    elif names:
        accepted = f"readings of {', '.join(names)}"
    else:
        return
    found = f"the new policy accepts nothing, and policy {former['policy_number']} accepts {accepted}"
    if not sys.stdin.isatty():
        raise PolicyError(
            f"{found}; nothing was changed. Use --yes to replace it, or --dry-run to preview it"
        )
    _print(None, proposed, output_format)
    typer.confirm(f"{found}. Replace it?", abort=True)


def _print(policy: SetPolicy | None, proposed: ProposedPolicy, output_format: Format) -> None:
    if output_format is Format.TABLE:
        print_policy(policy, proposed)
        return
    number, plot = (policy.number, str(policy.plot)) if policy else (None, None)
    values = {name: value for name, value in vars(proposed.record).items() if name != "histograms"}
    strata = {"strata": [vars(stratum) for stratum in proposed.record.strata]}
    print_records([{"policy_number": number, **values, **strata, "plot": plot}], output_format)


def print_policy(policy: SetPolicy | None, proposed: ProposedPolicy) -> None:
    """Print a policy and its evidence; ``policy`` is None if it is not in force."""
    record = proposed.record
    things = f"{record.subject}s"
    name = f"policy {policy.number}" if policy else "new policy"
    target = f"at most {100 * record.max_error:.4g}% wrong, with {100 * record.certainty:.6g}% certainty"
    print_line(f" for {things} of {record.model_name}/{record.model_version}: {target}", lead=name)
    print_line(f"  evidence: {record.labelled:,} {things}, {record.evidence}")
    if record.threshold is None:
        print_line(" no threshold provably meets the target", lead="  accepts nothing:")
        print_line(f"  {_describe_shortage(proposed)}")
    else:
        share = record.accepted / record.labelled
        lowest = plain_text(record.threshold)
        confidence = f"a confidence of {lowest} or more" if record.threshold else "any confidence"
        print_line(f"  accepts {confidence}: {record.accepted:,} {things} ({share:.2%})")
        print_line(f"  {record.errors:,} of them misread; the error rate is at most {record.error_bound:.4%}")
        print_line(f"  {record.review_rate:.2%} of the accepted {things} are sampled for review")
    if record.calibration_error is not None:
        print_line(
            f"  expected calibration error {record.calibration_error:.4f}, "
            f"{record.calibrated_error:.4f} after calibration"
        )
    for stratum in record.strata:
        print_line(f"  {stratum.kind} {stratum.stratum}: {_describe_stratum(stratum)}")
    if record.if_drift == "accept":
        print_line("  also accepts readings of runs that differ from the evidence")
    if policy:
        print_line(f"  plot: {policy.plot}")


def _describe_stratum(stratum: PolicyStratum) -> str:
    counts = f"{stratum.errors:,} of {stratum.accepted:,} accepted misread, {stratum.labelled:,} labelled"
    if stratum.basis == "own" and stratum.threshold is not None:
        return f"a confidence of {plain_text(stratum.threshold)} or more; {counts}"
    if stratum.basis == "refuted":
        return f"accepts nothing; {counts}"
    return f"too few labels for a threshold of its own; {counts}"


def _describe_shortage(proposed: ProposedPolicy) -> str:
    record = proposed.record
    if proposed.refuted_by:
        advice = "" if record.stratified_by else "; --per dataset finds a threshold for each dataset"
        return (
            f"{record.errors:,} of the {record.accepted:,} most confident {record.subject}s of "
            f"{proposed.refuted_by} are wrong{advice}"
        )
    if record.labelled_needed is None:
        return (
            f"{record.errors:,} of the {record.accepted:,} most confident are wrong, so more labels "
            "like these would not help"
            if record.accepted
            else f"no labelled {record.subject} is confident enough"
        )
    more = max(1, record.labelled_needed - record.labelled)
    return f"about {more:,} more labelled {record.subject}s like these would be enough"

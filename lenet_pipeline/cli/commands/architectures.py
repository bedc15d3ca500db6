"""``lenet architectures``: the available networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import Format, FormatOption, print_records

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings

architectures_app = typer.Typer(help="List and show the available architectures.")


@command
def list_architectures(
    settings: Settings,  # noqa: ARG001
    context: typer.Context,  # noqa: ARG001 - read by the decorator
    output_format: FormatOption = Format.TABLE,
) -> None:
    """List the available architectures."""
    from lenet_pipeline.network import ARCHITECTURES, count_parameters

    records = [
        {"architecture": item.name, "parameters": count_parameters(item.build()), "what": item.summary}
        for item in ARCHITECTURES.values()
    ]
    print_records(records, output_format)


@architectures_app.command("show", epilog="Example: lenet architectures show lenet5")
@command
def show_architecture(
    settings: Settings,  # noqa: ARG001
    name: Annotated[str, typer.Argument(help="Name of an architecture, as listed by `lenet architectures`")],
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Show the layers of an architecture."""
    from lenet_pipeline.network import describe_layers, find_architecture

    architecture = find_architecture(name)
    layers = describe_layers(architecture.build(), architecture.padding_px)
    records = [
        {
            "layer": layer.name,
            "what": layer.description,
            "output": layer.output,
            "parameters": layer.parameters,
            "connections": layer.connections,
        }
        for layer in layers
    ]
    total = {
        "layer": "total",
        "parameters": sum(layer.parameters for layer in layers),
        "connections": sum(layer.connections for layer in layers),
    }
    print_records([*records, total], output_format)

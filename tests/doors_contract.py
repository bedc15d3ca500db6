"""An import contract: other rooms are entered through their doors, and a library belongs to one room."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

PACKAGE = "lenet_pipeline"
FLOWS = "flows"


class DoorsContract(Contract):
    """Refuse imports past a room's ``__init__.py``, and imports of a library outside its room.

    ``libraries`` lists ``library: room``. The room ``flows`` is a package of its own.
    """

    type_name = "doors"

    libraries = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare each import with the two rules."""
        homes = dict(text.split(": ") for text in self.libraries)  # type: ignore[attr-defined]
        problems = [
            problem
            for importer in sorted(graph.modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if (problem := _describe_problem(importer, imported, homes))
        ]
        return ContractCheck(kept=not problems, metadata={"problems": problems})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print a line for each import at fault."""
        for problem in check.metadata["problems"]:
            output.print_error(problem)


def _describe_problem(importer: str, imported: str, homes: dict[str, str]) -> str | None:
    library = imported.split(".")[0]
    home = homes.get(library)
    if home and _room(importer) != home and importer.split(".")[0] in (PACKAGE, FLOWS):
        return f"{importer} imports {library}; only {home} may"
    names = imported.split(".")
    if names[0] == PACKAGE and len(names) > 2 and _room(imported) != _room(importer):
        return f"{importer} imports {imported}, past the door of {'.'.join(names[:2])}"
    return None


def _room(module: str) -> str:
    names = module.split(".")
    return names[1] if names[0] == PACKAGE and len(names) > 1 else names[0]

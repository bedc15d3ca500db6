"""The example notebook: run its cells in order and store their outputs.

    pip install nbclient ipykernel
    python -m docs.notebook

It runs in a temporary folder, and in a kernel in which Prefect cannot be imported.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

NOTEBOOK = Path(__file__).parent.parent / "examples" / "library.ipynb"

# A module of this name comes first on the path of a process, and is all that `import prefect` finds.
NO_PREFECT = 'raise ImportError("this process must not import prefect")\n'


def read_code(path: Path = NOTEBOOK) -> str:
    """Return the code cells of a notebook as one program."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def hide_prefect(folder: Path) -> Path:
    """Write a module `prefect` that cannot be imported, and return the folder to put first on the path."""
    folder.mkdir()
    (folder / "prefect.py").write_text(NO_PREFECT, encoding="utf-8")
    return folder


def main() -> None:
    """Run the notebook and write it back with its outputs."""
    import nbformat  # an example needs no more packages than the project; running it again does
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = [str(hide_prefect(folder / "without-prefect")), str(NOTEBOOK.parent.parent)]
        os.environ["PYTHONPATH"] = os.pathsep.join(path)
        for variable in [name for name in os.environ if name.startswith(("LENET_", "PREFECT_"))]:
            del os.environ[variable]
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    text = nbformat.writes(notebook, indent=1) + "\n"
    if str(folder) in text or str(Path(sys.prefix)) in text:
        raise SystemExit("an output has an absolute path; change the cell that prints it")
    NOTEBOOK.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""``python -m lenet_pipeline.cli`` is ``lenet``."""

from lenet_pipeline.cli import main

if __name__ == "__main__":
    main()

"""Run ``lenet`` as ``python -m lenet_pipeline.cli``."""

from lenet_pipeline.cli import main

if __name__ == "__main__":
    main()

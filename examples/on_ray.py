#!/usr/bin/env python3
"""Scores a folder of photos on a Ray cluster and writes one row a photo as Parquet: on_ray.py FOLDER OUTPUT

    pip install ./python 'ray[data]'

Ray starts an actor that died anew and gives its batch to another; each photo is scored exactly once in what is written.
"""

import sys

import ray
from clearshot import Assessment, Scorer


class Score:
    """Loads the models once and scores batches on all cores of its machine."""

    def __init__(self):
        self.scorer = Scorer(profile="real-estate")

    def __call__(self, batch):
        outcomes = self.scorer.score_many(batch["bytes"], errors="return")
        rows = [outcome.to_row() if isinstance(outcome, Assessment) else {"problem": str(outcome)} for outcome in outcomes]
        # Every batch has the same types, also one without a problem.
        texts = {column: [row.get(column, "") for row in rows] for column in ("verdict", "reasons", "problem")}
        numbers = {column: [row.get(column, float("nan")) for row in rows] for column in ("blur", "brightness", "rotation")}
        return {"path": batch["path"]} | texts | numbers


def main():
    folder, output = sys.argv[1:]
    photos = ray.data.read_binary_files(folder, include_paths=True)
    # One actor a machine, which leaves cores for reading: as many as there are machines.
    machines = ray.data.ActorPoolStrategy(size=len(ray.nodes()))
    photos.map_batches(Score, batch_size=32, compute=machines).write_parquet(output)


main()

"""Trains a pipeline: python -m examples.frameworks.sklearn.train."""

from pathlib import Path

import skops.io
from examples.frameworks.training import SEED, digits, write_digit_examples
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent


def main() -> None:
    data = digits()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200, random_state=SEED))
    pipeline.fit(data.seen / 16, data.seen_labels)
    skops.io.dump(pipeline, HERE / "model.skops")
    write_digit_examples(HERE, data, pipeline.predict_proba(data.unseen / 16))


if __name__ == "__main__":
    main()

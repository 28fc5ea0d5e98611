"""Trains boosted trees: python -m examples.frameworks.lightgbm.train."""

from pathlib import Path

import lightgbm
from examples.frameworks.training import SEED, digits, write_digit_examples

HERE = Path(__file__).resolve().parent


def main() -> None:
    data = digits()
    options = {
        "objective": "multiclass",
        "num_class": 10,
        "num_threads": 2,
        "seed": SEED,
        "verbose": -1,
        "num_leaves": 15,
    }
    booster = lightgbm.train(options, lightgbm.Dataset(data.seen / 16, data.seen_labels), num_boost_round=40)
    booster.save_model(HERE / "model.txt")
    write_digit_examples(HERE, data, booster.predict(data.unseen / 16))


if __name__ == "__main__":
    main()

"""Trains boosted trees: python -m examples.frameworks.xgboost.train."""

from pathlib import Path

from examples.frameworks.training import SEED, digits, write_digit_examples
from xgboost import XGBClassifier

HERE = Path(__file__).resolve().parent


def main() -> None:
    data = digits()
    model = XGBClassifier(n_estimators=40, max_depth=4, learning_rate=0.3, random_state=SEED, n_jobs=2)
    model.fit(data.seen / 16, data.seen_labels)
    model.save_model(HERE / "model.ubj")
    write_digit_examples(HERE, data, model.predict_proba(data.unseen / 16))


if __name__ == "__main__":
    main()

"""Trains a Keras model in a few seconds: python -m examples.frameworks.tensorflow.train."""

from pathlib import Path

import keras
from examples.frameworks.training import SEED, digits, write_digit_examples

HERE = Path(__file__).resolve().parent
EPOCHS = 20


def main() -> None:
    keras.utils.set_random_seed(SEED)
    data = digits()
    model = keras.Sequential(
        [
            keras.Input((64,), name="image"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax", name="probabilities"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="sparse_categorical_crossentropy")
    model.fit(data.seen / 16, data.seen_labels, batch_size=64, epochs=EPOCHS, verbose=0)
    model.save(HERE / "model.keras")
    write_digit_examples(HERE, data, model.predict(data.unseen / 16, verbose=0))


if __name__ == "__main__":
    main()

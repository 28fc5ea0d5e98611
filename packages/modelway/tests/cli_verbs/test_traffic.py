"""`modelway traffic`: calls with the weights of then, changes of routes, and what is not known."""

import json
from typing import Any

CALLS = {
    "at": 1577934000,
    "project": "vision",
    "model": "digits",
    "version": "v1",
    "consumer": "shop",
    "mirrored": False,
}
TOLD: dict[str, Any] = {
    "begin": 1577934000,
    "end": 1577934180,
    "step": 60,
    "steps": [
        {"at": 1577934000, "requests": 4, "failed": 1, "source": "records"},
        {"at": 1577934060, "requests": 0, "failed": 0, "source": "quiet"},
        {"at": 1577934120, "requests": 0, "failed": 0, "source": "unknown"},
    ],
    "calls": [
        CALLS | {"requests": 4, "refused": 2, "failed": 1, "p50Ms": 1.25, "p99Ms": 20},
        CALLS | {"version": "v2", "mirrored": True, "requests": 2, "refused": 0, "failed": 0, "p50Ms": None, "p99Ms": None},
    ],
    "routes": [
        {
            "project": "vision",
            "model": "digits",
            "revisions": [
                {"at": 1577933000, "revision": 1, "author": "ann", "weights": [{"version": "v1", "weight": 2}]},
                {
                    "at": 1577934030, "revision": 2, "author": "bob", "mirrors": [{"from": "", "to": "v2", "share": 0.5}],
                    "weights": [{"version": "v1", "weight": 3}, {"version": "v2", "weight": 1}],
                },
                {"at": 1577934170, "revision": 3, "author": "bob", "weights": []},
            ],
        }
    ],
    "unknown": ["1 of 3 steps: nothing is kept of them, or the platform was off"],
}  # fmt: skip


def test_calls_have_the_weights_of_then(modelway: Any, platform: Any) -> None:
    platform.traffic = TOLD
    done = modelway("traffic", "vision/digits", "--since", "2h", "--until", "1h", "--steps", "3", TZ="UTC")
    assert done.stdout.splitlines() == [
        "2020-01-02 03:00:00 to 03:01:00",
        "CALLER         MODEL          VERSION  WEIGHT        REQUESTS  REFUSED  FAILED  P50     P99",
        "shop           vision/digits  v1       100 % → 75 %  4         2        1       1.2 ms  20.0 ms",
        "shop (copies)  vision/digits  v2       -             2         0        0       -       -",
        "",
        "2020-01-02 03:02:00 to 03:03:00",
        "nothing is kept of it",
        "",
        "ROUTE          SINCE                REVISION  WEIGHTS                                            MIRRORS            BY",
        "vision/digits  2020-01-02 02:43:20  #1        v1=2                                               -                  ann",
        "vision/digits  2020-01-02 03:00:30  #2        v1=3, v2=1                                         50 % of all to v2  bob",
        "vision/digits  2020-01-02 03:02:50  #3        no route: all to the first version that was ready  -                  bob",
    ]
    assert done.stderr == "1 of 3 steps: nothing is kept of them, or the platform was off\n"
    assert platform.asked[-1] == "GET /v1/traffic?project=vision&model=digits&since=2h&until=1h&steps=3"
    assert json.loads(modelway("traffic", "-o", "json").stdout) == TOLD


def test_nobody_called_and_wrong_words(modelway: Any, platform: Any) -> None:
    platform.traffic = TOLD | {"steps": [], "calls": [], "routes": [], "unknown": []}
    assert modelway("traffic").stdout == "nobody called in this time\n"
    assert modelway("traffic", "vision/digits/v1").returncode == 2

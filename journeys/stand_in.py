"""A stand-in for a model server, which behaves as its environment says: for trying operators without a model."""

STAND_IN = """
import json, os, signal, subprocess, sys, time
mode = os.environ.get("MODE", "serve")
print("starting", os.environ["MODELWAY_REPLICA_ID"], flush=True)
if mode == "crash":
    print("Traceback (most recent call last):\\nValueError: the model is broken", file=sys.stderr)
    sys.exit(3)
def looked(place):
    found = sorted(os.listdir(place))
    try:
        with open(os.path.join(place, os.environ["MODELWAY_REPLICA_ID"]), "w") as file:
            file.write("was here")
    except OSError:
        return [found, False]
    return [found, True]
places = {name: place for name, place in os.environ.items() if name.startswith("VOLUME_")}
if places:
    print("seen", json.dumps({name: looked(place) for name, place in places.items()}), flush=True)
def stop(*_):
    print("stopping", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "stubborn" else stop)
if mode == "family":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("child", child.pid, flush=True)
print("ready", flush=True)
while True:
    time.sleep(600)
"""

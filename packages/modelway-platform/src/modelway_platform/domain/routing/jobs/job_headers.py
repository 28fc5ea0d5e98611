"""Header names between gateway and jobs process, and those by which callers say how a job is to be treated."""

# From callers; the priority reaches the jobs process, and later the replica, like any header of theirs.
CALLBACK = "modelway-callback"
PRIORITY = "modelway-priority"
EXPIRES = "modelway-expires"
# From the gateway, which drops whatever callers say there.
SECRET = "modelway-jobs-secret"  # noqa: S105 - a name
MODEL = "modelway-job-model"
VERSION = "modelway-job-version"
TARGET = "modelway-job-target"
CONSUMER = "modelway-consumer"
KEY_ID = "modelway-job-key"
ADMIN = "modelway-job-admin"
SUBMIT_PATH = "submit"
JOBS_PATH = "/_/jobs"

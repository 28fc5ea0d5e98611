"""The tables, as SQLAlchemy Core sees them; migrations make them, a test keeps the two the same."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()

# A row stays when its document goes (`removed`), so that numbers go on and the history can be read and undone.
documents = Table(
    "documents",
    metadata,
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("status", Text, nullable=True),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("deleting", Integer, nullable=False, server_default="0"),
    Column("removed", Integer, nullable=False, server_default="0"),
    # Over that of every other row when this one changed, in status or otherwise: by it changes are followed.
    Column("sequence", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("kind", "name"),
    CheckConstraint("kind IN ('Deployment', 'Route', 'Cluster', 'Stage', 'Rollout')", name="documents_kind"),
    Index("documents_by_sequence", "sequence"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("created_at", Float, nullable=False),
    PrimaryKeyConstraint("kind", "name", "number"),
    ForeignKeyConstraint(["kind", "name"], ["documents.kind", "documents.name"]),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    Index("events_of_document", "kind", "name", "id"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("id", String, primary_key=True),
    Column("project", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("package", String, nullable=False),
    Column("state", String, nullable=False),
    Column("placement", Text, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("message", Text, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("prefix", String, nullable=False),
    Column("sha256", String, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float, nullable=True),
    Column("consumer", String, nullable=False, server_default=""),
    Column("scopes", Text, nullable=False, server_default="[]"),
    Column("limits", Text, nullable=False, server_default="{}"),
    Column("expires_at", Float, nullable=True),
    Column("rotated_at", Float, nullable=True),
    Column("previous_sha256", String, nullable=False, server_default=""),
    Column("previous_until", Float, nullable=True),
    CheckConstraint("role IN ('admin', 'caller', 'gateway')", name="keys_role"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("projects", Text, nullable=False),
    Column("prefix", String, nullable=False),
    Column("sha256", String, nullable=False, unique=True),
    Column("created_by", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=True),
    Column("revoked_at", Float, nullable=True),
    CheckConstraint("role IN ('admin', 'deployer', 'reader')", name="tokens_role"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),
    Column("role", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("transport", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("method", String, nullable=False),
    Column("action", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changes", Text, nullable=False),
    Index("audit_of_object", "kind", "name", "number"),
)

phases = Table(
    "phases",
    metadata,
    Column("name", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("phase", String, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float, nullable=False),
    Column("log", Text, nullable=False),
    PrimaryKeyConstraint("name", "revision", "phase"),
)

holds = Table(
    "holds",
    metadata,
    Column("name", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("author", String, nullable=False),
    Column("created_at", Float, nullable=False),
)

# `record` is the whole promotion; the columns beside it are what is asked for.
promotions = Table(
    "promotions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("deployment", String, nullable=False),
    Column("to_stage", String, nullable=False),
    Column("package", String, nullable=False),
    Column("state", String, nullable=False),
    Column("record", Text, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("promotions_of_deployment", "deployment", "number"),
    Index("promotions_by_state", "state"),
)

phase_approvals = Table(
    "phase_approvals",
    metadata,
    Column("name", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("phase", String, nullable=False),
    Column("author", String, nullable=False),
    Column("created_at", Float, nullable=False),
    PrimaryKeyConstraint("name", "revision", "phase"),
)

# What the evidence of a rollout's run is at present: enough to go on after a restart, and to be shown.
rollout_runs = Table(
    "rollout_runs",
    metadata,
    Column("name", String, nullable=False),
    Column("run", Integer, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("updated_at", Float, nullable=False),
    PrimaryKeyConstraint("name", "run"),
)

rollout_moves = Table(
    "rollout_moves",
    metadata,
    Column("name", String, nullable=False),
    Column("run", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("move", Text, nullable=False),
    PrimaryKeyConstraint("name", "run", "number"),
)

token_issuers = Table(
    "token_issuers",
    metadata,
    Column("name", String, primary_key=True),
    Column("spec", Text, nullable=False),
    Column("key_set", Text, nullable=False),
    Column("fetched_at", Float, nullable=True),
    Column("problem", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
)

# `owned` is what the applied commit declared, in normal form: what is compared with what is declared now.
git_sources = Table(
    "git_sources",
    metadata,
    Column("name", String, primary_key=True),
    Column("spec", Text, nullable=False),
    Column("head", String, nullable=False, server_default=""),
    Column("applied", String, nullable=False, server_default=""),
    Column("owned", Text, nullable=False, server_default="[]"),
    Column("checked_at", Float, nullable=True),
    Column("problem", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
)

git_commits = Table(
    "git_commits",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", String, nullable=False),
    Column("seen", Text, nullable=False),
    Index("git_commits_of_source", "source", "id"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String, primary_key=True),
    Column("project", String, nullable=False),
    Column("model", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("state", String, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("resolved_at", Float, nullable=True),
    Column("incident", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Index("incidents_of_model", "project", "model", "cause", "opened_at"),
    Index("incidents_by_sequence", "sequence"),
)

incident_messages = Table(
    "incident_messages",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("incident", String, nullable=False),
    Column("event", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("incident_messages_due", "due_at"),
)

anomaly_mutes = Table(
    "anomaly_mutes",
    metadata,
    Column("id", String, primary_key=True),
    Column("project", String, nullable=False),
    Column("model", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("until", Float, nullable=False),
    Column("author", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

anomaly_policies = Table(
    "anomaly_policies",
    metadata,
    Column("project", String, nullable=False),
    Column("model", String, nullable=False),
    Column("sensitivity", String, nullable=False),
    Column("causes", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("updated_at", Float, nullable=False),
    PrimaryKeyConstraint("project", "model"),
)

# Commits that the platform was asked for; `record` is all of one.
git_writes = Table(
    "git_writes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", String, nullable=False, unique=True),
    Column("source", String, nullable=False),
    Column("state", String, nullable=False),
    Column("record", Text, nullable=False),
    Index("git_writes_of_source", "source", "number"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("source", String, primary_key=True),
    Column("nonce", String, nullable=False),
    Column("previous", String, nullable=False),
    Column("previous_until", Float, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)

# Several control processes on one database: who does what only one may do. Times are the database's own.
control_leases = Table(
    "control_leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("term", BigInteger, nullable=False),
    Column("expires_at", Float, nullable=False),
)

# Who is there, and which endpoints each knows at first hand.
control_members = Table(
    "control_members",
    metadata,
    Column("id", String, primary_key=True),
    Column("url", String, nullable=False),
    Column("token_sha256", String, nullable=False),
    Column("endpoints", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("seen_at", Float, nullable=False),
)

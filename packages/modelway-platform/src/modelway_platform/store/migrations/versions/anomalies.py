"""Tables for incidents, who is to be told of them, what is not to be told for a while, and what is watched of whom."""

import sqlalchemy as sa
from alembic import op

revision = "anomalies"
down_revision = "leases"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("project", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("opened_at", sa.Float, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.Column("resolved_at", sa.Float, nullable=True),
        sa.Column("incident", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
    )
    op.create_index("incidents_of_model", "incidents", ["project", "model", "cause", "opened_at"])
    op.create_index("incidents_by_sequence", "incidents", ["sequence"])
    op.create_table(
        "incident_messages",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("incident_messages_due", "incident_messages", ["due_at"])
    op.create_table(
        "anomaly_mutes",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("project", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "anomaly_policies",
        sa.Column("project", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("sensitivity", sa.String, nullable=False),
        sa.Column("causes", sa.Text, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("project", "model"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("anomaly_policies", "anomaly_mutes", "incident_messages", "incidents"):
        op.drop_table(table)

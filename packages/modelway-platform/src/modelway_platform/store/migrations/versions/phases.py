"""A table for the phases that revisions of deployments go through."""

import sqlalchemy as sa
from alembic import op

revision = "phases"
down_revision = "more_kinds"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "phases",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float, nullable=False),
        sa.Column("log", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "revision", "phase"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("phases")

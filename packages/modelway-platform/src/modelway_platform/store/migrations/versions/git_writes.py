"""A table for commits that the platform was asked to write."""

import sqlalchemy as sa
from alembic import op

revision = "git_writes"
down_revision = "anomalies"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "git_writes",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("git_writes_of_source", "git_writes", ["source", "number"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("git_writes")

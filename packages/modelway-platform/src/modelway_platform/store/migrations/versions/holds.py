"""A table for what people said about revisions that are under way."""

import sqlalchemy as sa
from alembic import op

revision = "holds"
down_revision = "git_sources"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "holds",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("holds")

"""A table for what secrets of webhooks are made of."""

import sqlalchemy as sa
from alembic import op

revision = "webhooks"
down_revision = "git_writes"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "webhooks",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("nonce", sa.String, nullable=False),
        sa.Column("previous", sa.String, nullable=False),
        sa.Column("previous_until", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("webhooks")

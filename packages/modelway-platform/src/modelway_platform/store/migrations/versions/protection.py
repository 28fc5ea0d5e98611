"""Keys get a consumer, scopes, an end, a rotation and limits; a table for token issuers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "protection"
down_revision = "0001"


def _columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("consumer", sa.String, nullable=False, server_default=""),
        sa.Column("scopes", sa.Text, nullable=False, server_default="[]"),
        sa.Column("limits", sa.Text, nullable=False, server_default="{}"),
        sa.Column("expires_at", sa.Float, nullable=True),
        sa.Column("rotated_at", sa.Float, nullable=True),
        sa.Column("previous_sha256", sa.String, nullable=False, server_default=""),
        sa.Column("previous_until", sa.Float, nullable=True),
    )


def upgrade() -> None:
    """Add them."""
    for column in _columns():
        op.add_column("keys", column)
    op.create_table(
        "token_issuers",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("key_set", sa.Text, nullable=False),
        sa.Column("fetched_at", sa.Float, nullable=True),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("token_issuers")
    for column in reversed(_columns()):
        op.drop_column("keys", column.name)

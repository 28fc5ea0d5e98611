"""Tables for several control processes on one database: who does what only one may do, and who is there."""

import sqlalchemy as sa
from alembic import op

revision = "leases"
down_revision = "rollouts"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "control_leases",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("term", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_table(
        "control_members",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("token_sha256", sa.String, nullable=False),
        sa.Column("endpoints", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("control_members")
    op.drop_table("control_leases")

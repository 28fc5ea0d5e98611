"""Tables for deployments on their way into the next stage, and for phases that somebody said yes to."""

import sqlalchemy as sa
from alembic import op

revision = "promotions"
down_revision = "access"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "promotions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("deployment", sa.String, nullable=False),
        sa.Column("to_stage", sa.String, nullable=False),
        sa.Column("package", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    op.create_index("promotions_of_deployment", "promotions", ["deployment", "number"])
    op.create_index("promotions_by_state", "promotions", ["state"])
    op.create_table(
        "phase_approvals",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", "revision", "phase"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("phase_approvals")
    op.drop_table("promotions")

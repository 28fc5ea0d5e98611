"""Tables for Git repositories whose files are declared state, and what became of their commits."""

import sqlalchemy as sa
from alembic import op

revision = "git_sources"
down_revision = "phases"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "git_sources",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("head", sa.String, nullable=False, server_default=""),
        sa.Column("applied", sa.String, nullable=False, server_default=""),
        sa.Column("owned", sa.Text, nullable=False, server_default="[]"),
        sa.Column("checked_at", sa.Float, nullable=True),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "git_commits",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
    )
    op.create_index("git_commits_of_source", "git_commits", ["source", "id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("git_commits")
    op.drop_table("git_sources")

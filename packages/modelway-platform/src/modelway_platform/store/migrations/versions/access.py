"""Tokens of the control API, the audit log, and a number by which changes of documents are followed."""

import sqlalchemy as sa
from alembic import op

revision = "access"
down_revision = "holds"

# In an order that both databases know, each its own number from 1.
_SEQUENCE = """
UPDATE documents SET sequence = (
  SELECT count(*) FROM documents AS other
  WHERE other.updated_at < documents.updated_at OR other.updated_at = documents.updated_at
    AND (other.kind, other.name) <= (documents.kind, documents.name))
"""


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "tokens",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("projects", sa.Text, nullable=False),
        sa.Column("prefix", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False, unique=True),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=True),
        sa.Column("revoked_at", sa.Float, nullable=True),
        sa.CheckConstraint("role IN ('admin', 'deployer', 'reader')", name="tokens_role"),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("transport", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("changes", sa.Text, nullable=False),
    )
    op.create_index("audit_of_object", "audit", ["kind", "name", "number"])
    op.add_column("documents", sa.Column("sequence", sa.Integer, nullable=False, server_default="0"))
    op.execute(_SEQUENCE)
    op.create_index("documents_by_sequence", "documents", ["sequence"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("documents_by_sequence", "documents")
    op.drop_column("documents", "sequence")
    op.drop_table("audit")
    op.drop_table("tokens")

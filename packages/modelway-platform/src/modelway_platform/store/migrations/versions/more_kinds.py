"""Documents of more kinds: clusters and stages."""

import sqlalchemy as sa
from alembic import op

revision = "more_kinds"
down_revision = "gateway_role"


def upgrade() -> None:
    """Allow them."""
    _allow("'Deployment', 'Route', 'Cluster', 'Stage'")


def downgrade() -> None:
    """Documents of those kinds go with their history."""
    for table in ("events", "revisions", "documents"):
        op.execute(f"DELETE FROM {table} WHERE kind NOT IN ('Deployment', 'Route')")  # noqa: S608 - names of our own
    _allow("'Deployment', 'Route'")


def _allow(kinds: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("documents_kind", "documents")
        op.create_check_constraint("documents_kind", "documents", f"kind IN ({kinds})")
        return
    # SQLite cannot change a check: the table is made anew. Revisions refer to it, so they are put aside meanwhile.
    op.execute("CREATE TEMPORARY TABLE revisions_aside AS SELECT * FROM revisions")
    op.drop_table("revisions")
    with op.batch_alter_table("documents", recreate="always") as table:
        table.create_check_constraint("documents_kind", f"kind IN ({kinds})")
    op.create_table(
        "revisions",
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "number"),
        sa.ForeignKeyConstraint(["kind", "name"], ["documents.kind", "documents.name"]),
    )
    op.execute(
        "INSERT INTO revisions SELECT kind, name, number, document, author, cause, created_at FROM revisions_aside"
    )
    op.execute("DROP TABLE revisions_aside")

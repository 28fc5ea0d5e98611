"""Documents of another kind, rollouts, with tables for their evidence and their moves."""

import sqlalchemy as sa
from alembic import op

revision = "rollouts"
down_revision = "promotions"


def upgrade() -> None:
    """Add them."""
    _allow("'Deployment', 'Route', 'Cluster', 'Stage', 'Rollout'")
    op.create_table(
        "rollout_runs",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", "run"),
    )
    op.create_table(
        "rollout_moves",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("move", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "run", "number"),
    )


def downgrade() -> None:
    """They go with their history."""
    op.drop_table("rollout_moves")
    op.drop_table("rollout_runs")
    for table in ("events", "revisions", "documents"):
        op.execute(f"DELETE FROM {table} WHERE kind = 'Rollout'")  # noqa: S608 - names of our own
    _allow("'Deployment', 'Route', 'Cluster', 'Stage'")


def _allow(kinds: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
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

"""Keys of a third role: gateways on other machines, which may fetch the route table and nothing else."""

from alembic import op

revision = "gateway_role"
down_revision = "protection"


def upgrade() -> None:
    """Allow the role."""
    _allow("'admin', 'caller', 'gateway'")


def downgrade() -> None:
    """Keys of the role go with it."""
    op.execute("DELETE FROM keys WHERE role = 'gateway'")
    _allow("'admin', 'caller'")


def _allow(roles: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("keys_role", "keys")
        op.create_check_constraint("keys_role", "keys", f"role IN ({roles})")
        return
    # SQLite cannot change a check; the table is made anew, and what is not named here is kept.
    with op.batch_alter_table("keys", recreate="always") as table:
        table.create_check_constraint("keys_role", f"role IN ({roles})")

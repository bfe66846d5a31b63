"""Add what each audit certifies, fixed before its first answer."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of the plans and of the images that they hold in order."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "audit_plan",
        sa.Column("audit_id", number, autoincrement=True, nullable=False),
        sa.Column("teacher_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("target", sa.Float(), nullable=False),
        sa.Column("delta", sa.Float(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["teacher_id"], ["teacher.teacher_id"]),
        sa.PrimaryKeyConstraint("audit_id"),
        if_not_exists=True,
    )
    op.create_table(
        "audit_member",
        sa.Column("audit_id", number, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("accepted_as", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["audit_id"], ["audit_plan.audit_id"]),
        sa.ForeignKeyConstraint(["sha256"], ["image.sha256"]),
        sa.PrimaryKeyConstraint("audit_id", "position"),
        if_not_exists=True,
    )

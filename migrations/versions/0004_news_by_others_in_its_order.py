"""News by others in its order: the latest of a person by index, however many attempts there were"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEWS = sa.text("contact_kind = 'third_party'")


def upgrade() -> None:
    op.create_index(
        "ix_fact_contact_news", "fact_contact", ["person_id", "occurred_at"], sqlite_where=NEWS, postgresql_where=NEWS
    )


def downgrade() -> None:
    op.drop_index("ix_fact_contact_news", "fact_contact")

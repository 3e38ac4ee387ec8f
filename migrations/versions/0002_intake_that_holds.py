"""Intake that holds: what waits for a person, conflicts settled, people merged and sealed, campaigns"""

import sqlalchemy as sa
from alembic import op

from service.store.types import UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Rows that may be closed once: `superseded_at`, and who closed them and why, from NULL.
CLOSED_ONCE = {
    "held_change": ("superseded_at",),
    "row_issue": ("superseded_at",),
    "person_identifier": ("superseded_at", "released_by", "released_reason"),
    "person_merge": ("superseded_at", "undone_by", "undone_reason"),
    "campaign": ("superseded_at", "closed_by", "closed_reason"),
}
KEPT = ("hold", "hold_decision", "settlement", "campaign_person", "campaign_answer")


def _guard() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, settable in CLOSED_ONCE.items():
            columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
            same = " AND ".join(f'OLD."{name}" IS NEW."{name}"' for name in columns if name not in settable)
            once = f"OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL AND {same}"
            _sqlite_trigger(table, "UPDATE", f"WHEN NOT ({once})")
            _sqlite_trigger(table, "DELETE")
        for table in KEPT:
            _sqlite_trigger(table, "UPDATE")
            _sqlite_trigger(table, "DELETE")
        return
    op.execute(
        """
        CREATE FUNCTION closed_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL
                AND to_jsonb(OLD) - TG_ARGV = to_jsonb(NEW) - TG_ARGV THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'append only';
        END $$
        """
    )
    for table, settable in CLOSED_ONCE.items():
        arguments = ", ".join(f"'{name}'" for name in settable)
        _postgresql_trigger(table, f"closed_once({arguments})")
    for table in KEPT:
        _postgresql_trigger(table, "never_changed()")


def _sqlite_trigger(table: str, act: str, when: str = "") -> None:
    name = f"{table}_no_{act.lower()}"
    op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} {when} BEGIN SELECT RAISE(ABORT, 'append only'); END")


def _postgresql_trigger(table: str, function: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}"
    )


def _identifiers(*key: str, past: bool) -> None:
    """Make `person_identifier` anew with this primary key, and put its rows back."""
    op.execute("CREATE TABLE identifier_copy AS SELECT * FROM person_identifier")
    op.drop_table("person_identifier")
    columns = [
        sa.Column("eclipse_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
    ]
    if past:
        columns.append(sa.Column("superseded_at", UTCDateTime(), nullable=True))
        columns.append(sa.Column("released_by", sa.String(length=64), nullable=True))
        columns.append(sa.Column("released_reason", sa.Text(), nullable=True))
    op.create_table(
        "person_identifier",
        *columns,
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name=op.f("fk_person_identifier_person_id")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_person_identifier")),
    )
    op.create_index(op.f("ix_person_identifier_person_id"), "person_identifier", ["person_id"])
    copied = "SELECT eclipse_id, person_id, recorded_at FROM identifier_copy"
    op.execute(
        f"INSERT INTO person_identifier (eclipse_id, person_id, recorded_at) {copied}"
        + ("" if past else " WHERE superseded_at IS NULL")
    )
    op.drop_table("identifier_copy")


def upgrade() -> None:
    op.add_column("person", sa.Column("sealed_at", UTCDateTime(), nullable=True))
    _identifiers("eclipse_id", "recorded_at", past=True)
    op.add_column("batch_dataset", sa.Column("bytes", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "campaign",
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("started_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("superseded_at", UTCDateTime(), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign")),
    )
    still_open = sa.text("superseded_at IS NULL")
    op.create_index(
        "uq_campaign_open", "campaign", ["topic"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_table(
        "settlement",
        sa.Column("settlement_id", sa.String(length=36), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("fact_id", sa.String(length=36), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=True),
        sa.Column("chosen_version_id", sa.String(length=36), nullable=False),
        sa.Column("against", sa.Text(), nullable=False),
        sa.Column("about", sa.String(length=64), nullable=True),
        sa.Column("settled_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("settlement_id", name=op.f("pk_settlement")),
        sa.UniqueConstraint("version_id", name=op.f("uq_settlement_version_id")),
    )
    with op.batch_alter_table("settlement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_settlement_fact_id"), ["fact_id"], unique=False)

    op.create_table(
        "campaign_answer",
        sa.Column("answer_id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("answer", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.campaign_id"], name=op.f("fk_campaign_answer_campaign_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name=op.f("fk_campaign_answer_person_id")),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_campaign_answer")),
    )
    with op.batch_alter_table("campaign_answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_campaign_answer_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "campaign_person",
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("team_code", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.campaign_id"], name=op.f("fk_campaign_person_campaign_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name=op.f("fk_campaign_person_person_id")),
        sa.PrimaryKeyConstraint("campaign_id", "person_id", name=op.f("pk_campaign_person")),
    )
    op.create_table(
        "hold",
        sa.Column("hold_id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source",
            sa.Enum(
                "eclipse",
                "api",
                "upload",
                "migrated",
                name="hold_source",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("profile", sa.String(length=20), nullable=False),
        sa.Column("dataset", sa.String(length=60), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("first_held_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.batch_id"], name=op.f("fk_hold_batch_id")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_hold")),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "person_merge",
        sa.Column("merge_id", sa.String(length=36), nullable=False),
        sa.Column("from_person_id", sa.String(length=36), nullable=False),
        sa.Column("into_person_id", sa.String(length=36), nullable=False),
        sa.Column("merged_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("superseded_at", UTCDateTime(), nullable=True),
        sa.Column("undone_by", sa.String(length=64), nullable=True),
        sa.Column("undone_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["from_person_id"], ["person.person_id"], name=op.f("fk_person_merge_from_person_id")),
        sa.ForeignKeyConstraint(["into_person_id"], ["person.person_id"], name=op.f("fk_person_merge_into_person_id")),
        sa.PrimaryKeyConstraint("merge_id", name=op.f("pk_person_merge")),
    )
    with op.batch_alter_table("person_merge", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_merge_from_person_id"), ["from_person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_person_merge_into_person_id"), ["into_person_id"], unique=False)
        batch_op.create_index(
            "uq_person_merge_open",
            ["from_person_id"],
            unique=True,
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )

    op.create_table(
        "row_issue",
        sa.Column("issue_id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source",
            sa.Enum(
                "eclipse",
                "api",
                "upload",
                "migrated",
                name="issue_source",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("profile", sa.String(length=20), nullable=False),
        sa.Column("dataset", sa.String(length=60), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("field", sa.String(length=80), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("allowed", sa.Text(), nullable=False),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("superseded_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.batch_id"], name=op.f("fk_row_issue_batch_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name=op.f("fk_row_issue_person_id")),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_row_issue")),
    )
    with op.batch_alter_table("row_issue", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_row_issue_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(
            "ix_row_issue_open",
            ["source", "profile", "dataset"],
            unique=False,
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )

    op.create_table(
        "batch_chunk",
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id", "name"],
            ["batch_dataset.batch_id", "batch_dataset.name"],
            name=op.f("fk_batch_chunk_batch_id_name"),
        ),
        sa.PrimaryKeyConstraint("batch_id", "name", "number", name=op.f("pk_batch_chunk")),
    )
    op.create_table(
        "held_change",
        sa.Column("hold_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=160), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("change", sa.String(length=20), nullable=False),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("superseded_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.hold_id"], name=op.f("fk_held_change_hold_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name=op.f("fk_held_change_person_id")),
        sa.PrimaryKeyConstraint("hold_id", "kind", "source_ref", name=op.f("pk_held_change")),
    )
    with op.batch_alter_table("held_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_held_change_person_id"), ["person_id"], unique=False)

    op.create_table(
        "hold_decision",
        sa.Column("hold_id", sa.String(length=36), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.hold_id"], name=op.f("fk_hold_decision_hold_id")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_hold_decision")),
    )
    op.execute(
        "INSERT INTO batch_chunk (batch_id, name, number, content) SELECT batch_id, name, 0, content FROM batch_dataset"
    )
    op.execute("UPDATE batch_dataset SET bytes = length(content)")
    op.execute("ALTER TABLE batch_dataset DROP COLUMN content")
    _guard()


def downgrade() -> None:
    # Bytes that have not been applied are sent again: an older version keeps them in one piece.
    op.execute("DELETE FROM batch_chunk")
    op.execute("DELETE FROM batch_dataset")
    op.drop_table("hold_decision")
    with op.batch_alter_table("held_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_held_change_person_id"))

    op.drop_table("held_change")
    op.drop_table("batch_chunk")
    with op.batch_alter_table("row_issue", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_row_issue_open",
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_row_issue_batch_id"))

    op.drop_table("row_issue")
    with op.batch_alter_table("person_merge", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_person_merge_open",
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_person_merge_into_person_id"))
        batch_op.drop_index(batch_op.f("ix_person_merge_from_person_id"))

    op.drop_table("person_merge")
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hold_batch_id"))

    op.drop_table("hold")
    op.drop_table("campaign_person")
    with op.batch_alter_table("campaign_answer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaign_answer_campaign_id"))

    op.drop_table("campaign_answer")
    with op.batch_alter_table("settlement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_settlement_fact_id"))

    op.drop_table("settlement")
    op.drop_table("campaign")
    op.execute("ALTER TABLE batch_dataset DROP COLUMN bytes")
    blob = sa.LargeBinary() if op.get_bind().dialect.name == "postgresql" else sa.BLOB()
    op.add_column("batch_dataset", sa.Column("content", blob, nullable=False, server_default=""))
    _identifiers("eclipse_id", past=False)
    op.execute("ALTER TABLE person DROP COLUMN sealed_at")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION closed_once() CASCADE")
        _postgresql_trigger("person_identifier", "never_changed()")
        return
    _sqlite_trigger("person_identifier", "UPDATE")
    _sqlite_trigger("person_identifier", "DELETE")

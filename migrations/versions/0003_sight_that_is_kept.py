"""Sight that is kept: restrictions, referrals, tokens, the sealed audit, holds against erasure and erasures"""

import sqlalchemy as sa
from alembic import op

from service.store.types import UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID, NAME = sa.String(length=36), sa.String(length=64)
OPEN = sa.text("superseded_at IS NULL")
CHANGES = sa.text("changes")

# What may be set once, when a row is closed.
CLOSED_ONCE = {
    "restriction": ("superseded_at",),
    "allowed": ("superseded_at", "removed_by", "removed_reason"),
    "clearing": ("superseded_at", "decision", "decided_by", "decided_reason"),
    "referral": ("superseded_at", "ended_by", "ended_reason"),
    "legal_hold": ("superseded_at", "lifted_by", "lifted_reason"),
    "erasure": ("superseded_at", "decision", "decided_by", "decided_reason", "rows"),
}
KEPT = ("emergency_access", "revoked_token", "sign_in", "audit_link")
# What the seals are over, by its keys. Neither a key given twice nor an emptied table asks a guard of each row.
SEALED = {"audit_entry": ("audit_id",), "audit_people": ("people_set",), "audit_link": ("number", "audit_id")}

# Until now no row of these could be deleted. An erasure that two people decided may; of the audit and of erasures
# themselves, nothing ever.
ERASABLE = (
    *[f"fact_{kind}" for kind in (
        "person", "responsibility", "allocation", "care_leaver_status", "accommodation", "contact",
        "child_protection_plan", "cp_review", "plan_count", "period_of_care", "placement", "legal_status",
        "cla_review", "pre_proceedings", "care_proceedings", "permanence_plan", "missing_episode",
    )],
    "fact_alias", "approval", "withdrawal", "person_identifier",
    "person_merge", "settlement", "campaign_answer", "campaign_person", "row_issue", "held_change",
)  # fmt: skip
ERASABLE_NEW = ("restriction", "allowed", "clearing", "referral", "emergency_access", "legal_hold")
SCOPE_BY = (("fact_allocation", "worker_ref"), ("fact_responsibility", "team_code"))
SCOPES = ("own", "team", "duty", "area", "locality", "service", "cohort", "county")
SCOPES_BEFORE = tuple(each for each in SCOPES if each not in ("duty", "cohort"))


def _id(name: str, *constraints: sa.ForeignKey, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, ID, *constraints, nullable=nullable)


def _by(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, NAME, nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, UTCDateTime(), nullable=nullable)


def _words(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _table(name: str, *columns: sa.Column[object], key: tuple[str, ...], **refers: str) -> None:
    """A table with its primary key; `refers` names the table that each foreign key column is the key of."""
    foreign = [
        sa.ForeignKeyConstraint([column], [f"{to}.{to_key}"], name=op.f(f"fk_{name}_{column}"))
        for column, (to, to_key) in ((c, t.split(".")) for c, t in refers.items())
    ]
    op.create_table(name, *columns, *foreign, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")))


def _open_index(name: str, table: str, columns: list[str], *, unique: bool) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=OPEN, postgresql_where=OPEN)


def _scopes(kinds: tuple[str, ...]) -> None:
    """Let `user_scope.kind` hold these."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE user_scope DROP CONSTRAINT ck_user_scope_kind")
        op.execute(f"ALTER TABLE user_scope ADD CONSTRAINT ck_user_scope_kind CHECK (kind IN ({listed}))")
        return
    # SQLite cannot change a check: the table is made anew. Nothing refers to it and no trigger stands on it.
    held = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("user_scope")]
    op.execute("CREATE TABLE scope_copy AS SELECT * FROM user_scope")
    op.drop_table("user_scope")
    until = [_at("until", nullable=True)] if "until" in held else []
    kind = sa.Enum(*kinds, name="kind", native_enum=False, create_constraint=True, length=40)
    _table(
        "user_scope", _id("user_id"), sa.Column("kind", kind, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False), *until, key=("user_id", "kind", "code"),
        user_id="user_account.user_id",
    )  # fmt: skip
    columns = ", ".join(held)
    op.execute(f"INSERT INTO user_scope ({columns}) SELECT {columns} FROM scope_copy")  # noqa: S608 - names of ours
    op.drop_table("scope_copy")


def _guard() -> None:
    if op.get_bind().dialect.name == "postgresql":
        erasable = ", ".join(f"'{table}'" for table in (*ERASABLE, *ERASABLE_NEW))
        erased = f"TG_OP = 'DELETE' AND TG_TABLE_NAME IN ({erasable}) AND EXISTS (SELECT FROM erasing)"
        _functions(f"IF {erased} THEN RETURN OLD; END IF;")
        for table, settable in CLOSED_ONCE.items():
            arguments = ", ".join(f"'{name}'" for name in settable)
            _postgresql_trigger(table, f"closed_once({arguments})")
        for table in KEPT:
            _postgresql_trigger(table, "never_changed()")
        for table in SEALED:
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION never_changed()"
            )
        return
    for table, settable in CLOSED_ONCE.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        same = " AND ".join(f'OLD."{name}" IS NEW."{name}"' for name in columns if name not in settable)
        once = f"OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL AND {same}"
        _sqlite_trigger(table, "UPDATE", f"WHEN NOT ({once})")
    for table in KEPT:
        _sqlite_trigger(table, "UPDATE")
    for table in ERASABLE:
        op.execute(f"DROP TRIGGER IF EXISTS {table}_no_delete")
    for table in (*ERASABLE, *ERASABLE_NEW):
        _sqlite_trigger(table, "DELETE", "WHEN NOT EXISTS (SELECT 1 FROM erasing)")
    for table in sorted({*CLOSED_ONCE, *KEPT} - {*ERASABLE_NEW}):
        _sqlite_trigger(table, "DELETE")
    for table, keys in SEALED.items():  # INSERT OR REPLACE deletes the row that was there, and asks no trigger
        there = " OR ".join(f"{key} = NEW.{key}" for key in ("rowid", *keys))
        _sqlite_trigger(table, "INSERT", f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {there})")  # noqa: S608 - of ours


def _functions(first: str) -> None:
    """The trigger functions of 0001 and 0002, with something before what they refuse."""
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION only_superseded() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {first}
            IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL
                AND to_jsonb(OLD) - 'superseded_at' = to_jsonb(NEW) - 'superseded_at' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'append only';
        END $$
        """
    )
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION closed_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {first}
            IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL
                AND to_jsonb(OLD) - TG_ARGV = to_jsonb(NEW) - TG_ARGV THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'append only';
        END $$
        """
    )
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {first}
            RAISE EXCEPTION 'append only';
        END $$
        """
    )


def _sqlite_trigger(table: str, act: str, when: str = "") -> None:
    name = f"{table}_no_{act.lower()}"
    op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} {when} BEGIN SELECT RAISE(ABORT, 'append only'); END")


def _postgresql_trigger(table: str, function: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}"
    )


def upgrade() -> None:
    op.add_column("user_account", sa.Column("oid", sa.String(length=255), nullable=True))
    op.add_column("user_account", _at("tokens_from", nullable=True))
    op.add_column("user_scope", _at("until", nullable=True))
    _scopes(SCOPES)
    op.add_column("audit_entry", _words("reason", nullable=True))
    op.add_column("audit_entry", sa.Column("seen", sa.Integer(), nullable=True))
    op.add_column("audit_entry", sa.Column("changes", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("idempotency_key", _id("person_id", nullable=True))
    op.create_index(op.f("ix_idempotency_key_recorded_at"), "idempotency_key", ["recorded_at"])
    op.create_index("ix_audit_entry_by", "audit_entry", ["by_user", "recorded_at"])
    op.create_index("ix_audit_entry_people_set", "audit_entry", ["people_set"])
    op.create_index(
        "ix_audit_entry_changes", "audit_entry", ["recorded_at", "audit_id"], sqlite_where=CHANGES,
        postgresql_where=CHANGES,
    )  # fmt: skip
    _table(
        "restriction", _id("restriction_id"), _id("person_id"), _by("restricted_by"), _words("reason"),
        _at("recorded_at"), _id("audit_id"), _at("superseded_at", nullable=True), key=("restriction_id",),
        person_id="person.person_id",
    )  # fmt: skip
    _open_index("uq_restriction_open", "restriction", ["person_id"], unique=True)
    _table(
        "allowed", _id("allowed_id"), _id("restriction_id"), _id("user_id"), _by("added_by"), _words("reason"),
        _at("recorded_at"), _id("audit_id"), _at("superseded_at", nullable=True), _by("removed_by", nullable=True),
        _words("removed_reason", nullable=True), key=("allowed_id",),
        restriction_id="restriction.restriction_id", user_id="user_account.user_id",
    )  # fmt: skip
    op.create_index(op.f("ix_allowed_user_id"), "allowed", ["user_id"])
    _open_index("uq_allowed_open", "allowed", ["restriction_id", "user_id"], unique=True)
    _table(
        "clearing", _id("clearing_id"), _id("restriction_id"), _by("asked_by"), _words("reason"), _at("recorded_at"),
        _id("audit_id"), _at("superseded_at", nullable=True), sa.Column("decision", sa.String(length=20)),
        _by("decided_by", nullable=True), _words("decided_reason", nullable=True), key=("clearing_id",),
        restriction_id="restriction.restriction_id",
    )  # fmt: skip
    _open_index("uq_clearing_open", "clearing", ["restriction_id"], unique=True)
    _table(
        "referral", _id("referral_id"), _id("person_id"), _id("user_id"),
        sa.Column("ends_on", sa.Date(), nullable=False), _by("referred_by"), _words("reason"), _at("recorded_at"),
        _id("audit_id"), _at("superseded_at", nullable=True), _by("ended_by", nullable=True),
        _words("ended_reason", nullable=True), key=("referral_id",), person_id="person.person_id",
        user_id="user_account.user_id",
    )  # fmt: skip
    _open_index("ix_referral_open", "referral", ["user_id"], unique=False)
    _table(
        "emergency_access", _id("emergency_id"), _id("person_id"), _id("user_id"), _words("reason"),
        _at("recorded_at"), _at("until"), _id("audit_id"), key=("emergency_id",), person_id="person.person_id",
        user_id="user_account.user_id",
    )  # fmt: skip
    op.create_index(op.f("ix_emergency_access_user_id"), "emergency_access", ["user_id"])
    _table(
        "revoked_token", sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("token_id", sa.String(length=255), nullable=False), _by("revoked_by"), _words("reason"),
        _at("recorded_at"), _at("expires_at"), _id("audit_id"), key=("issuer", "token_id"),
    )  # fmt: skip
    _table(
        "sign_in", _id("user_id"), sa.Column("token", sa.String(length=64), nullable=False), _at("recorded_at"),
        _id("audit_id"), key=("user_id", "token"), user_id="user_account.user_id",
    )  # fmt: skip
    op.create_table(
        "audit_link",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False), _id("audit_id"),
        sa.Column("hash", sa.String(length=64), nullable=False), _at("sealed_at"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_link")),
        sa.UniqueConstraint("audit_id", name=op.f("uq_audit_link_audit_id")),
    )  # fmt: skip
    _table(
        "legal_hold", _id("legal_hold_id"), _id("person_id"), _by("placed_by"), _words("reason"), _at("recorded_at"),
        _id("audit_id"), _at("superseded_at", nullable=True), _by("lifted_by", nullable=True),
        _words("lifted_reason", nullable=True), key=("legal_hold_id",), person_id="person.person_id",
    )  # fmt: skip
    _open_index("ix_legal_hold_open", "legal_hold", ["person_id"], unique=False)
    _table(
        "erasure", _id("erasure_id"), _id("person_id"), sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False), _by("asked_by"), _words("reason"), _at("recorded_at"),
        _id("audit_id"), _at("superseded_at", nullable=True), sa.Column("decision", sa.String(length=20)),
        _by("decided_by", nullable=True), _words("decided_reason", nullable=True), sa.Column("rows", sa.Integer()),
        key=("erasure_id",),
    )  # fmt: skip
    op.create_index(op.f("ix_erasure_person_id"), "erasure", ["person_id"])
    _open_index("uq_erasure_open", "erasure", ["person_id"], unique=True)
    _table("erasing", _id("erasure_id"), key=("erasure_id",))
    for table, column in SCOPE_BY:
        _open_index(f"ix_{table}_{column}", table, [column], unique=False)
    _guard()
    # A record that was restricted before there was a table of it keeps its restriction, and whoever may decide on it.
    # Its id is made up: a restriction is listed by its id to people who may not know whose it is.
    made_up = "gen_random_uuid()::text"
    if op.get_bind().dialect.name == "sqlite":
        sizes = ("4", "2", "2", "2", "6")  # bytes between the dashes of a UUID
        made_up = "lower(" + " || '-' || ".join(f"hex(randomblob({size}))" for size in sizes) + ")"
    kept = (
        "INSERT INTO restriction (restriction_id, person_id, restricted_by, reason, recorded_at, audit_id) "
        "SELECT made_up, person_id, 'migration', 'Restricted before this was recorded', recorded_at, person_id "
        "FROM person WHERE restricted"
    )
    op.execute(kept.replace("made_up", made_up))


def downgrade() -> None:
    """Restricted records stay restricted; that they were, by whom, and the seals over the audit are let go.

    A scope that had an end is taken away: the older schema would make it one for good. Whose tokens were refused, one
    by one or all before a moment, is let go: end those sessions again, at the issuer or by another secret.
    """
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        _functions("")
        for table in SEALED:
            op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
    else:
        for table in ERASABLE:
            op.execute(f"DROP TRIGGER {table}_no_delete")
        for table in SEALED:
            op.execute(f"DROP TRIGGER {table}_no_insert")
    for table in (
        "erasure", "legal_hold", "audit_link", "sign_in", "revoked_token", "emergency_access", "referral", "clearing",
        "allowed", "restriction",
    ):  # fmt: skip
        op.drop_table(table)
    if not postgresql:
        for table in ERASABLE:
            _sqlite_trigger(table, "DELETE")
    op.drop_table("erasing")
    for table, column in SCOPE_BY:
        op.drop_index(f"ix_{table}_{column}", table)
    for index in ("ix_audit_entry_changes", "ix_audit_entry_people_set", "ix_audit_entry_by"):
        op.drop_index(index, "audit_entry")
    op.drop_index(op.f("ix_idempotency_key_recorded_at"), "idempotency_key")
    op.execute("ALTER TABLE idempotency_key DROP COLUMN person_id")
    for column in ("changes", "seen", "reason"):
        op.execute(f"ALTER TABLE audit_entry DROP COLUMN {column}")
    op.execute("DELETE FROM user_scope WHERE kind IN ('duty', 'cohort') OR until IS NOT NULL")
    op.execute("ALTER TABLE user_scope DROP COLUMN until")
    _scopes(SCOPES_BEFORE)
    op.execute("ALTER TABLE user_account DROP COLUMN tokens_from")
    op.execute("ALTER TABLE user_account DROP COLUMN oid")

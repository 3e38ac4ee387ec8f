"""Read the SSD tables that the service takes out of a PostgreSQL, as the CSV files it would otherwise be sent."""

import re
from dataclasses import dataclass

import psycopg
from psycopg import sql

# Only the columns that service/readers reads leave the database: no NHS number, UPN, ethnicity, sex or address.
TABLES: dict[str, tuple[str, ...]] = {
    "ssd_department": ("dept_team_id", "dept_team_name"),
    "ssd_professionals": (
        "prof_professional_id",
        "prof_professional_name",
        "prof_professional_job_title",
    ),
    "ssd_person": (
        "pers_person_id",
        "pers_legacy_id",
        "pers_forename",
        "pers_surname",
        "pers_dob",
        "pers_expected_dob",
        "pers_death_date",
    ),
    "ssd_involvements": (
        "invo_involvements_id",
        "invo_person_id",
        "invo_professional_id",
        "invo_professional_role_id",
        "invo_professional_team",
        "invo_involvement_start_date",
        "invo_involvement_end_date",
    ),
    "ssd_care_leavers": (
        "clea_table_id",
        "clea_person_id",
        "clea_care_leaver_eligibility",
        "clea_care_leaver_in_touch",
        "clea_care_leaver_latest_contact",
        "clea_care_leaver_accommodation",
        "clea_care_leaver_accom_suitable",
        "clea_care_leaver_activity",
        "clea_pathway_plan_review_date",
        "clea_care_leaver_personal_advisor",
    ),
    "ssd_cp_plans": (
        "cppl_cp_plan_id",
        "cppl_person_id",
        "cppl_cp_plan_start_date",
        "cppl_cp_plan_end_date",
        "cppl_cp_plan_ola",
        "cppl_cp_plan_initial_category",
        "cppl_cp_plan_latest_category",
    ),
    "ssd_cp_reviews": (
        "cppr_cp_review_id",
        "cppr_person_id",
        "cppr_cp_review_due",
        "cppr_cp_review_date",
        "cppr_cp_review_outcome_continue_cp",
    ),
    "ssd_cla_episodes": (
        "clae_cla_episode_id",
        "clae_person_id",
        "clae_cla_id",
        "clae_cla_episode_start_date",
        "clae_cla_episode_ceased_date",
        "clae_cla_episode_ceased_reason",
        "clae_entered_care_date",
    ),
    "ssd_cla_placement": (
        "clap_cla_placement_id",
        "clap_cla_id",
        "clap_person_id",
        "clap_cla_placement_start_date",
        "clap_cla_placement_type",
        "clap_cla_placement_provider",
        "clap_cla_placement_end_date",
    ),
    "ssd_cla_reviews": (
        "clar_cla_review_id",
        "clar_cla_id",
        "clar_cla_person_id",
        "clar_cla_review_due_date",
        "clar_cla_review_date",
        "clar_cla_review_cancelled",
    ),
    "ssd_legal_status": (
        "lega_legal_status_id",
        "lega_person_id",
        "lega_legal_status",
        "lega_legal_status_start_date",
        "lega_legal_status_end_date",
    ),
    "ssd_permanence": (
        "perm_table_id",
        "perm_person_id",
        "perm_adm_decision_date",
        "perm_placement_order_date",
        "perm_matched_date",
        "perm_placed_for_adoption_date",
        "perm_decision_reversed_date",
        "perm_decision_reversed_reason",
        "perm_permanence_order_date",
        "perm_permanence_order_type",
    ),
    "ssd_cla_care_plan": (
        "lacp_table_id",
        "lacp_person_id",
        "lacp_cla_care_plan_start_date",
        "lacp_cla_care_plan_end_date",
        "lacp_cla_care_plan_json",
    ),
    "ssd_pre_proceedings": (
        "prep_table_id",
        "prep_person_id",
        "prep_plo_family_id",
        "prep_pre_pro_decision_date",
        "prep_initial_pre_pro_meeting_date",
        "prep_pre_pro_outcome",
        "prep_agree_stepdown_issue_date",
        "prep_pre_pro_letter_date",
        "prep_care_pro_letter_date",
        "prep_pre_pro_meetings_num",
    ),
    "ssd_missing": (
        "miss_table_id",
        "miss_person_id",
        "miss_missing_episode_start_date",
        "miss_missing_episode_type",
        "miss_missing_episode_end_date",
        "miss_missing_rhi_offered",
        "miss_missing_rhi_accepted",
    ),
}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that were there, as CSV with a header, and the names of those that were not."""

    found: dict[str, bytes]
    absent: tuple[str, ...]


def read(url: str, *, schema: str | None = None) -> Tables:
    """Read every table in one snapshot, changing nothing. Columns that a table lacks are left out.

    The schema is the first of the search path unless named. Rows come in one order, so that the same content gives
    the same bytes. Raises psycopg.Error.
    """
    found: dict[str, bytes] = {}
    with psycopg.connect(url, client_encoding="utf8", connect_timeout=10) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("SET LOCAL datestyle = 'ISO'")
        for table, columns in TABLES.items():
            there = _columns(connection, table, schema)
            if there:
                found[table] = _as_csv(connection, table, schema, [column for column in columns if column in there])
    return Tables(found, tuple(table for table in TABLES if table not in found))


# What a server or its library says of a connection that fails, whether it is ours to put right, and in words.
_CONNECTING = (
    (r'password|role ".*" does not exist|pg_hba|no password|peer authentication', True,
     "does not know this name and password"),
    (r'database ".*" does not exist', False, "has no such database"),
    (r"refused", False, "refused the connection"),
    (r"resolve|translate host|name or service", False, "has a host name that nobody knows"),
    (r"timeout|timed out", False, "did not answer in time"),
)  # fmt: skip


def explained(error: psycopg.Error) -> tuple[bool, str]:
    """Whether what was asked for was wrong (else: try again later), and why the tables cannot be read, in words.

    The server's own sentence is not repeated: it may name what nobody should read in a log.
    """
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return True, "The Eclipse database does not let this name read the SSD tables"
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return True, "The address of the Eclipse database cannot be read: postgresql://NAME@HOST/DATABASE"
    if isinstance(error, psycopg.OperationalError):
        for words, ours, why in _CONNECTING:
            if re.search(words, str(error), re.IGNORECASE):
                return ours, f"The Eclipse database {why}"
    return False, f"The SSD tables cannot be read ({type(error).__name__})"


def _columns(connection: psycopg.Connection, table: str, schema: str | None) -> set[str]:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = %s AND table_schema = coalesce(%s, current_schema())",
        (table, schema),
    )
    return {str(row[0]) for row in rows}


def _as_csv(connection: psycopg.Connection, table: str, schema: str | None, columns: list[str]) -> bytes:
    copy_out = "COPY (SELECT {columns} FROM {table} ORDER BY {columns}) TO STDOUT WITH (FORMAT csv, HEADER)"
    query = sql.SQL(copy_out).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        table=sql.Identifier(schema, table) if schema else sql.Identifier(table),
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return b"".join(bytes(part) for part in copy)

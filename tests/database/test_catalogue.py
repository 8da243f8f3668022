"""The rules of row-level security, read from PostgreSQL's own catalogue: a new table cannot forget them."""

import pytest

from tests.conftest import Database

# Tables that tenants share: no tenant_id, or rows of nobody in particular. Each with its reason.
SHARED = {
    "alembic_version": "the schema's revision",
    "dead_letter_groups": "what went wrong, by class and place in the code, over all tenants",
    "consent_texts": "what people are asked to agree to, read-only for the application",
    "exercises": "the shipped library, read-only for the application",
    "libraries": "the same with its rules, read-only for the application",
    "limits": "how much of each stage a tenant may use, as operators have it",
    "replays": "what operators have ordered, over all tenants: filters, ids and reasons",
    "safety_rules": "the shipped red-flag rules, read-only for the application",
    "stage_pace": "how long each stage takes and how many wait, over all tenants",
    "solved_specs": "plans by the hash of a question that names nobody",
}
# SECURITY DEFINER runs with the owner's rights: only what must look across tenants before there is one.
DEFINERS = {
    # Who is to be erased is kept where no service reads it; a token, or the time, says who of all tenants it is. And
    # what erases deletes what is insert-only for everybody else: only for whom it is due.
    "add_erasure_token",
    "begin_erasure",
    "cancel_erasure",
    "enqueue_erasures",
    "erase_person",
    "restore_person",
    "schedule_erasure",
    # An invitation's token is looked up before there is a tenant; it opens one invitation.
    "accept_invitation",
    "add_invitation_token",
    "find_invitation",
    "open_request",
    # Who registers has no tenant yet, and who looks for an address must not find out whether there is one.
    "begin_registration",
    "claim_registrations",
    "code_age_s",
    "confirm_registration",
    "drop_registration",
    "end_known_registration",
    "end_sessions",
    "note_code",
    "place_registration",
    "release_registration",
    "sweep_codes",
    "unfinished_registration",
    # The audit log is sealed over all tenants, by a role that reads none of it; nobody but the owner retires any.
    "announce_audit_heads",
    "queue_audit",
    "retire_audit",
    "seal_audit",
    # The care for what died goes over all tenants: its letters are no service's to write, and what moves a job is one
    # step of one of these. Operators see a message's bytes, or end somebody's job, with an audit row or not at all.
    "cancel_any_job",
    "follow_job",
    "next_shadow",
    "note_shadow",
    "open_letter",
    "replay_step",
    "reveal_dead_letter",
    "take_dead_letter",
    # Missed sessions are looked for tenant by tenant: this says in which there may be some, and no more.
    "tenants_to_catch_up",
    # A calendar asks with nothing but its address, which says whose sessions it shows; and who is to be reminded is
    # looked for tenant by tenant.
    "find_feed",
    "tenants_to_remind",
    # Fairness is between tenants: how many jobs of whom are in flight, and whose turn it is. Of others' jobs a worker
    # learns the ids that it has to send, and the one that it is to do.
    "choose_job",
    "claim_next",
    "hold_back",
    "put_back",
    "take_place",
    "take_turn",
    "take_turns",
    "turns_after",
    "turns_now",
    # The throttle's buckets are out of every service's reach.
    "return_token",
    "sweep_buckets",
    "take_token",
    # An event may be anybody's work, the dispatcher sends those of every tenant, and nobody but who runs a business
    # sees its endpoints.
    "claim_webhooks",
    "note_webhook",
    "prune_webhooks",
    "tell_webhooks",
}


def tenant_tables(db: Database) -> set[str]:
    return {
        row["relname"]
        for row in db.rows(
            """select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname = 'public' and c.relkind in ('r', 'p')"""
        )
    } - SHARED.keys()


def test_every_table_of_a_tenant_enables_and_forces_row_security(db: Database) -> None:
    found = db.rows(
        """select relname, relrowsecurity and relforcerowsecurity as forced from pg_class c
           join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and relkind in ('r', 'p')"""
    )
    assert {row["relname"] for row in found if row["forced"]} == tenant_tables(db)


def test_every_policy_reads_its_context_once_a_statement_and_fails_closed(db: Database) -> None:
    policies = db.rows("select * from pg_policies where schemaname = 'public'")
    assert {policy["tablename"] for policy in policies} == tenant_tables(db)
    for policy in policies:
        if policy["roles"] != "{public}":
            continue  # the relay's, the operators' and the owner's are listed below
        for expression in filter(None, (policy["qual"], policy["with_check"])):
            assert "( SELECT app.tenant_id()" in expression, policy
            bare = expression.replace("( SELECT app.", "")
            assert "app." not in bare, f"evaluated per row: {policy}"
            assert "tenant_id() AS tenant_id) IS NULL" not in expression, f"open without a context: {policy}"


def test_only_the_relay_the_operators_and_the_owner_have_wider_policies(db: Database) -> None:
    wider = db.rows("select policyname, roles::text[] from pg_policies where roles <> '{public}' order by 1")
    assert {policy["policyname"]: policy["roles"] for policy in wider} == {
        "attempts_expire": ["ffp_relay"],
        "attempts_ops": ["ffp_ops"],
        "attempts_owner": ["ffp_owner"],
        "attempts_relay": ["ffp_relay"],
        "audit_chain_ops": ["ffp_ops"],
        "audit_chain_owner": ["ffp_owner"],
        "audit_heads_ops": ["ffp_ops"],
        "audit_heads_owner": ["ffp_owner"],
        "audit_log_content": ["ffp_app"],
        "audit_log_operator": ["ffp_ops"],
        "audit_log_ops": ["ffp_ops"],
        "audit_log_owner": ["ffp_owner"],
        "audit_unsealed_owner": ["ffp_owner"],
        "bulk_action_members_expire": ["ffp_relay"],
        "dead_letter_events_ops": ["ffp_ops"],
        "dead_letter_events_owner": ["ffp_owner"],
        "dead_letter_messages_ops": ["ffp_ops"],
        "dead_letter_messages_owner": ["ffp_owner"],
        "dead_letters_ops": ["ffp_ops"],
        "dead_letters_owner": ["ffp_owner"],
        "emails_expire": ["ffp_relay"],
        "exports_expire": ["ffp_relay"],
        "feeds_owner": ["ffp_owner"],
        "idempotency_keys_expire": ["ffp_relay"],
        "import_rows_expire": ["ffp_relay"],
        "invitations_erase": ["ffp_owner"],
        "jobs_ops": ["ffp_ops"],
        "jobs_owner": ["ffp_owner"],
        "jobs_relay": ["ffp_relay"],
        "notifications_expire": ["ffp_relay"],
        "programs_owner": ["ffp_owner"],
        "reminders_expire": ["ffp_relay"],
        "replay_letters_ops": ["ffp_ops"],
        "replay_letters_owner": ["ffp_owner"],
        "reports_expire": ["ffp_relay"],
        "templates_change": ["ffp_app"],
        "templates_insert": ["ffp_app"],
        "templates_ship": ["ffp_owner"],
        "tenants_close": ["ffp_owner"],
        "tenants_limit": ["ffp_ops"],
        "tenants_named": ["ffp_ops", "ffp_owner"],
        "tenants_withdraw": ["ffp_owner"],
        # What FFP ships, of no tenant: published videos are everybody's, the others those of who keeps them.
        "videos_add": ["ffp_app"],
        "videos_change": ["ffp_app"],
        "videos_read": ["ffp_app"],
        "videos_ship": ["ffp_owner"],
        "webhook_deliveries_owner": ["ffp_owner"],
        "webhook_endpoints_owner": ["ffp_owner"],
    }


def test_keys_and_foreign_keys_stay_inside_a_tenant(db: Database) -> None:
    """Both bypass row-level security, so they must carry the tenant themselves."""
    constraints = db.rows(
        """select conrelid::regclass::text as on_table, confrelid::regclass::text as to_table, contype,
               pg_get_constraintdef(oid) as definition from pg_constraint
           where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f')"""
    )
    # Where the other table has no tenants, or is the table of tenants itself.
    outward = {
        ("assessments", "templates"),
        ("consents", "consent_texts"),
        ("replay_letters", "replays"),
        ("video_progress", "videos"),
    }
    for row in constraints:
        if row["on_table"] in SHARED or row["on_table"] in {"tenants", "templates", "videos"}:
            continue
        if row["contype"] == "f" and (row["to_table"] == "tenants" or (row["on_table"], row["to_table"]) in outward):
            continue
        assert "(tenant_id" in row["definition"], row


def test_every_unique_index_leads_with_the_tenant(db: Database) -> None:
    found = db.rows("select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'")
    for index in found:
        if (
            index["tablename"] in tenant_tables(db) - {"tenants", "templates", "videos"}
            and "UNIQUE" in index["indexdef"]
        ):
            assert "(tenant_id" in index["indexdef"], index


def test_no_view_and_no_function_goes_round_the_policies(db: Database) -> None:
    assert db.rows("select 1 from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace") == []
    functions = db.rows(
        "select proname, prosecdef, proconfig::text from pg_proc where pronamespace in ('app'::regnamespace, 'public'::regnamespace)"
    )
    definers = {row["proname"] for row in functions if row["prosecdef"]}
    assert definers == DEFINERS
    assert all("search_path=" in row["proconfig"] for row in functions if row["prosecdef"])


def test_status_columns_are_text_with_a_check(db: Database) -> None:
    """An enum's operators are not leakproof: under a policy its index could not be used."""
    assert db.value("select count(*) from pg_type where typtype = 'e'") == 0


@pytest.mark.parametrize("role", ["ffp_app", "ffp_relay", "ffp_ops"])
def test_running_services_own_nothing_and_bypass_nothing(db: Database, role: str) -> None:
    [row] = db.rows("select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = %s", role)
    assert not any(row.values())
    assert db.value("select count(*) from pg_class where relowner = %s::regrole", role) == 0
    assert db.value("select count(*) from pg_auth_members where member = %s::regrole", role) == 0


def test_what_each_role_may_touch(db: Database) -> None:
    """Health data is the application's alone, and what is immutable stays so."""
    granted = db.rows(
        """select grantee, table_name, privilege_type from information_schema.role_table_grants
           where grantee in ('ffp_app', 'ffp_relay', 'ffp_ops')"""
    )
    held: dict[str, set[tuple[str, str]]] = {}
    for row in granted:
        held.setdefault(row["grantee"], set()).add((row["table_name"], row["privilege_type"]))
    assert held["ffp_ops"] == {
        ("jobs", "SELECT"),
        ("attempts", "SELECT"),
        ("audit_log", "SELECT"),
        ("audit_log", "INSERT"),
        ("audit_chain", "SELECT"),
        ("audit_heads", "SELECT"),
        ("stage_pace", "SELECT"),
        ("limits", "SELECT"),
        ("limits", "INSERT"),
        ("dead_letters", "SELECT"),
        ("dead_letter_events", "SELECT"),
        ("dead_letter_events", "INSERT"),
        ("dead_letter_groups", "SELECT"),
        ("replays", "SELECT"),
        ("replays", "INSERT"),
        ("replay_letters", "SELECT"),
        ("replay_letters", "INSERT"),
    }
    # What retention takes away, and nothing that is not past its time: see the policies `..._expire`.
    assert held["ffp_relay"] == {
        *((table, "DELETE") for table in ("idempotency_keys", "notifications", "emails", "attempts", "exports")),
        *((table, "DELETE") for table in ("import_rows", "bulk_action_members", "reports", "reminders")),
        ("limits", "SELECT"),
        *(("stage_pace", right) for right in ("SELECT", "INSERT", "UPDATE")),
    }
    for table in ("submissions", "scores", "audit_log", "consents", "session_events"):
        assert {p for t, p in held["ffp_app"] if t == table} == {"SELECT", "INSERT"}
    # An exercise that hurts too much, with nothing easier in its place, is left out of the sessions to come.
    # A filter under a name is nobody's record.
    assert {t for t, p in held["ffp_app"] if p == "DELETE"} == {
        "idempotency_keys",
        "prescribed_exercises",
        "member_views",
    }
    assert not [t for t, p in held["ffp_app"] if p in {"TRUNCATE", "REFERENCES", "TRIGGER"}]
    columns = db.rows(
        """select column_name, privilege_type from information_schema.column_privileges
           where grantee = 'ffp_relay' and table_name = 'jobs'"""
    )
    assert {row["column_name"] for row in columns} <= {
        "tenant_id", "id", "kind", "status", "stage", "attempt", "max_attempts", "revision", "lease_until",
        "published_at", "error_code", "correlation_id", "traceparent", "created_at", "updated_at", "replays",
        "held", "hold_until", "finished_at",
    }  # fmt: skip


def test_operators_reach_nothing_of_a_person(db: Database) -> None:
    """Column by column: of messages not the bytes, of tenants the name, of people nothing."""
    columns = db.rows(
        """select table_name, column_name, privilege_type from information_schema.column_privileges
           where grantee = 'ffp_ops'"""
    )
    reached = {row["table_name"] for row in columns}
    assert reached == {
        "jobs", "attempts", "audit_log", "audit_chain", "audit_heads", "stage_pace", "tenants", "dead_letters",
        "dead_letter_messages", "dead_letter_events", "dead_letter_groups", "replays", "replay_letters",
        "limits",
    }  # fmt: skip
    of = {table: {row["column_name"] for row in columns if row["table_name"] == table} for table in reached}
    assert "body" not in of["dead_letter_messages"]
    assert of["tenants"] <= {"id", "slug", "requests_per_minute"}
    changed = {(row["table_name"], row["column_name"]) for row in columns if row["privilege_type"] == "UPDATE"}
    assert {column for table, column in changed if table == "dead_letters"} == {"state", "changed_at"}
    assert not [table for table, _ in changed if table in {"jobs", "attempts", "audit_log", "dead_letter_events"}]


def test_the_application_cannot_read_who_else_there_is(db: Database) -> None:
    assert not db.value("select has_schema_privilege('ffp_app', 'identity', 'usage')")
    assert not db.value("select has_table_privilege('ffp_app', 'identity.principals', 'select')")

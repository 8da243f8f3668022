"""Something for operators to look at: three jobs of a local stack that cannot succeed, of two kinds and two tenants.

No code of FFP knows of them. Two are programs of the template `demo-poison`, which this database refuses to store; one
is an e-mail whose text names what its row does not have. They die as jobs die: a worker tries, and its attempts end.
`mend` takes both causes away, so that a replay of the letters succeeds.
"""

from datetime import date
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg.types.json import Jsonb

from domain.assessments import ENGINE_VERSION
from domain.assessments.completion import complete
from domain.assessments.template import Template
from infra.content import load_templates
from infra.seed import demo_tenant_id, demo_user_id

TEMPLATE = "demo-poison"
_BASIS = "low-back-pain"
_PEOPLE = (("acme", "owner@acme.example"), ("globex", "member@globex.example"))
# Two attempts instead of five: they are to be dead by the time somebody looks.
_ATTEMPTS = 2

_REFUSE = f"""
create or replace function app.refuse_demo_poison() returns trigger language plpgsql as $$
begin
    if exists (select from submissions s where s.tenant_id = new.tenant_id and s.id = new.submission_id
               and s.template_slug = '{TEMPLATE}') then
        raise exception 'programs of this template cannot be stored here';
    end if;
    return new;
end $$;
create or replace trigger programs_refuse_demo_poison before insert on programs
    for each row execute function app.refuse_demo_poison();
"""
_SUBMIT = """
select app.submit_assessment(%(tenant)s, %(user)s, 'worker', %(assessment)s, 1, 'demo', 'demo-poison', 'demo', %(job)s,
    %(submission)s, %(answers)s, %(enabled)s, %(computed)s, %(today)s, %(engine)s, 'demo-poison', null)"""


def seed(admin_url: str, today: date) -> None:
    """Once a database: what is there is left alone, whatever became of it."""
    template = _template()
    completed = complete(template, _answers(template), today)
    if completed.issues:
        raise ValueError(f"the answers of {TEMPLATE} do not fit it any more: {completed.issues}")
    with psycopg.connect(admin_url, connect_timeout=10) as connection:
        connection.execute("set role ffp_owner")
        for number, (tenant, email) in enumerate(_PEOPLE):
            tenant_id, user_id = demo_tenant_id(tenant), demo_user_id(email)
            connection.execute("select app.set_context(%s, %s, 'worker')", (tenant_id, user_id))
            ids = {
                name: uuid5(tenant_id, f"{TEMPLATE} {name}") for name in ("template", "assessment", "job", "submission")
            }
            if connection.execute("select 1 from jobs where id = %s", (ids["job"],)).fetchone():
                return
            if not number:
                connection.execute(_REFUSE)
            _add_assessment(connection, tenant_id, user_id, ids, template)
            values = ids | {
                "tenant": tenant_id,
                "user": user_id,
                "answers": Jsonb(completed.answers),
                "enabled": Jsonb(sorted(completed.enabled)),
                "computed": Jsonb(completed.computed),
                "today": today,
                "engine": ENGINE_VERSION,
            }
            connection.execute(_SUBMIT, values)
        _add_email(connection, tenant_id, user_id, email)
        # As old as if the API could not publish them, so that the relay's first round takes them.
        for tenant, _ in _PEOPLE:
            connection.execute("select app.set_context(%s, null, 'worker')", (demo_tenant_id(tenant),))
            connection.execute(
                """update jobs set max_attempts = %s, updated_at = now() - interval '1 minute'
                   where correlation_id = %s""",
                (_ATTEMPTS, TEMPLATE),
            )


def mend(admin_url: str) -> None:
    """Take away what makes them fail. Their letters stay, for a replay."""
    tenant, email = _PEOPLE[-1]
    with psycopg.connect(admin_url, connect_timeout=10) as connection:
        connection.execute("set role ffp_owner")
        connection.execute("drop function if exists app.refuse_demo_poison cascade")
        connection.execute("select app.set_context(%s, %s, 'worker')", (demo_tenant_id(tenant), demo_user_id(email)))
        connection.execute(
            "update emails set params = %s where id = %s",
            (Jsonb({"business": tenant.title(), "role": "a member"}), _email_id(demo_tenant_id(tenant))),
        )


def _template() -> Template:
    basis = next(template for template in load_templates() if template.id == _BASIS)
    title = {"en": "Demo: a program that cannot be stored"}
    return Template.model_validate(basis.model_dump(mode="json", by_alias=True) | {"id": TEMPLATE, "title": title})


def _answers(template: Template) -> dict[str, Any]:
    return {
        "date_of_birth": "1979-03-08", "sex": "male", "nprs_now": 4, "nprs_average": 4,
        "symptom_duration": "2_to_6_weeks", "first_episode": "no", "rmdq": ["3", "11"], "conditions": ["none"],
        "psfs": [{"activity": each, "score": 5} for each in ("Lifting", "Driving", "Sleeping")], "goal": "reduce_pain",
        "experience": "beginner", "equipment": ["chair", "wall"], "days_per_week": 2, "minutes": "30",
    } | {link: "no" for link in template.asked if link.startswith("rf_")}  # fmt: skip


def _add_assessment(
    connection: psycopg.Connection[Any], tenant_id: UUID, user_id: UUID, ids: dict[str, UUID], template: Template
) -> None:
    document = Jsonb(template.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    connection.execute(
        """insert into templates (id, tenant_id, slug, version, content_hash, document, status, published_at)
           values (%s, %s, %s, %s, %s, %s, 'published', now())""",
        (ids["template"], tenant_id, template.id, template.version, template.content_hash, document),
    )
    connection.execute(
        "insert into assessments (tenant_id, id, user_id, template_id) values (%s, %s, %s, %s)",
        (tenant_id, ids["assessment"], user_id, ids["template"]),
    )


def _email_id(tenant_id: UUID) -> UUID:
    return uuid5(tenant_id, f"{TEMPLATE} email")


def _add_email(connection: psycopg.Connection[Any], tenant_id: UUID, user_id: UUID, address: str) -> None:
    """Of a kind whose text names a business and a role; its row has neither."""
    connection.execute(
        "insert into emails (tenant_id, id, user_id, address, kind) values (%s, %s, %s, %s, 'role_changed')",
        (tenant_id, _email_id(tenant_id), user_id, address),
    )
    connection.execute(
        """insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id)
           values (%s, %s, %s, 'email', 'sending', %s, %s)""",
        (tenant_id, uuid5(tenant_id, f"{TEMPLATE} email job"), user_id, _email_id(tenant_id), TEMPLATE),
    )

"""Fill a migrated database: the shipped content everywhere, demo people in a local stack."""

import json
from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID, uuid5

import psycopg
from psycopg.types.json import Jsonb

from infra.content import load_consents, load_library, load_red_flags, load_templates
from infra.ids import new_id

# Demo ids are derived, so that seeding again finds what is there.
_NAMESPACE = UUID("6f0a2d0e-5e0b-4d5c-9a3e-2b1f6f1c7a10")


class DemoUser(TypedDict):
    """`tenant` is a slug, "" for staff; `sub` is Cognito's subject, which changes when the user pool is made anew.

    `review`: whether a clinician of the tenant approves programs before members see them.
    """

    sub: str
    email: str
    role: str
    tenant: str
    tenant_kind: str
    review: bool


def demo_tenant_id(slug: str) -> UUID:
    return uuid5(_NAMESPACE, slug)


def demo_user_id(email: str) -> UUID:
    return uuid5(_NAMESPACE, email)


def _as_owner(admin_url: str) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(admin_url, connect_timeout=10)
    connection.execute("set role ffp_owner")
    return connection


def _publish_consents(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for text in load_consents():
        connection.execute(
            """insert into consent_texts (document, version, content_hash, title, body) values (%s, %s, %s, %s, %s)
               on conflict do nothing""",
            (text.document, text.version, text.content_hash, text.title, text.body),
        )
        row = connection.execute(
            "select content_hash from consent_texts where document = %s and version = %s", (text.document, text.version)
        ).fetchone()
        if row != (text.content_hash,):
            raise ValueError(f"{text.document} {text.version} is published with other words: raise its version")


def seed_templates(admin_url: str) -> None:
    """Publish the shipped templates, the texts of consents, the exercise library and the safety rules. A published
    version never changes: a template or text whose content differs under the same version is refused with ValueError.
    """
    with _as_owner(admin_url) as connection:
        for template in load_templates():
            document = template.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            connection.execute(
                """insert into templates (id, slug, version, content_hash, document, status, published_at)
                   values (%s, %s, %s, %s, %s, 'published', now())
                   on conflict (tenant_id, slug, version) do nothing""",
                (new_id(), template.id, template.version, template.content_hash, Jsonb(document)),
            )
            row = connection.execute(
                "select content_hash from templates where tenant_id is null and slug = %s and version = %s",
                (template.id, template.version),
            ).fetchone()
            if row is None or row[0] != template.content_hash:
                raise ValueError(f"{template.id} {template.version} is published with other content: raise its version")
        _publish_consents(connection)
        library = load_library()
        connection.execute(
            "insert into libraries (content_hash, document) values (%s, %s) on conflict do nothing",
            (library.content_hash, Jsonb(library.model_dump(mode="json"))),
        )
        rules = load_red_flags()
        connection.execute(
            """insert into safety_rules (content_hash, document) values (%s, %s)
               on conflict (content_hash) do update set created_at = now()""",
            (rules.content_hash, Jsonb(rules.model_dump(mode="json"))),
        )
        exercises = [exercise.model_dump(mode="json") for exercise in library.exercises]
        connection.execute(
            """insert into exercises (id, name, cue, document)
               select e ->> 'id', e ->> 'name', coalesce(e ->> 'cue', ''), e from jsonb_array_elements(%s::jsonb) e
               on conflict (id) do update set name = excluded.name, cue = excluded.cue, document = excluded.document
               where exercises.document <> excluded.document""",
            (json.dumps(exercises),),
        )


def seed_demo(admin_url: str, users: Sequence[DemoUser]) -> None:
    """Tenants and people of a local stack, found again by slug and e-mail."""
    with _as_owner(admin_url) as connection:
        for user in users:
            if not user["tenant"]:
                connection.execute(
                    """insert into identity.principals (sub, staff_role) values (%s, %s)
                       on conflict (sub) do update set staff_role = excluded.staff_role""",
                    (user["sub"], user["role"]),
                )
                continue
            tenant_id, user_id = demo_tenant_id(user["tenant"]), demo_user_id(user["email"])
            # The owner is bound by row-level security too: it seeds each tenant in that tenant's context.
            connection.execute("select app.set_context(%s, %s, 'worker')", (tenant_id, user_id))
            connection.execute(
                """insert into tenants (id, slug, name, kind, settings) values (%s, %s, %s, %s, %s)
                   on conflict (id) do nothing""",
                (
                    tenant_id,
                    user["tenant"],
                    user["tenant"].title(),
                    user["tenant_kind"],
                    Jsonb({} if user["review"] else {"require_assessment_review": False}),
                ),
            )
            connection.execute(
                """insert into users (tenant_id, id, email, display_name, role) values (%s, %s, %s, %s, %s)
                   on conflict (tenant_id, id) do nothing""",
                (tenant_id, user_id, user["email"], user["email"].partition("@")[0].title(), user["role"]),
            )
            connection.execute(
                """delete from identity.principals where user_id = %s and tenant_id = %s and sub <> %s""",
                (user_id, tenant_id, user["sub"]),
            )
            connection.execute(
                """insert into identity.principals (sub, tenant_id, user_id) values (%s, %s, %s)
                   on conflict (sub) do nothing""",
                (user["sub"], tenant_id, user_id),
            )

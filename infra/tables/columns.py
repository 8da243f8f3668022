"""Columns as the tables here have them, and what collects the tables."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

NOW = text("now()")


def uuid(name: str, *, key: bool = False, null: bool = False) -> Column[object]:
    return Column(name, Uuid, primary_key=key, nullable=null)


def at(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=null, server_default=None if null else NOW)


def string(name: str, *, null: bool = False, default: str | None = None) -> Column[object]:
    return Column(name, Text, nullable=null, server_default=default)


def integer(name: str, *, null: bool = False, default: int | None = None, key: bool = False) -> Column[object]:
    return Column(
        name,
        Integer,
        nullable=null,
        primary_key=key,
        server_default=None if default is None else str(default),
    )


def big(name: str, *, default: int | None = None) -> Column[object]:
    return Column(name, BigInteger, nullable=False, server_default=None if default is None else str(default))


def binary(name: str) -> Column[object]:
    return Column(name, LargeBinary, nullable=False)


def json(name: str, default: str | None = None) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=default)


def table(name: str, *items: SchemaItem, schema: str | None = None) -> Table:
    return Table(name, metadata, *items, schema=schema)


def date(name: str) -> Column[object]:
    return Column(name, Date, nullable=True)


def in_tenant(
    columns: list[str], target: str, target_columns: list[str], *, goes: bool = False
) -> ForeignKeyConstraint:
    """A foreign key that cannot leave the tenant; `goes`: the row goes with its target."""
    return ForeignKeyConstraint(
        ["tenant_id", *columns],
        [f"{target}.tenant_id", *(f"{target}.{c}" for c in target_columns)],
        ondelete="CASCADE" if goes else None,
    )

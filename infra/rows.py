"""What a repository may do with the database."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from domain.tenancy import Actor, Context

Row = dict[str, Any]
ActorT_co = TypeVar("ActorT_co", bound=Actor, covariant=True)


class Connection(ABC, Generic[ActorT_co]):
    """A connection that only infra/database.py makes, bound to whoever acts. A raw one does not type-check as one.

    `execute` runs a statement in the unit's transaction. `read` and `finish` call one SQL function of schema `app`,
    which takes the context as its first three arguments and is atomic by itself: alone in a unit it is the whole
    transaction, one round trip. After a lone `finish` the unit is over.
    """

    @property
    @abstractmethod
    def context(self) -> ActorT_co: ...

    @abstractmethod
    def execute(self, query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]: ...

    @abstractmethod
    def read(self, function: str, params: Sequence[Any] = ()) -> list[Row]: ...

    @abstractmethod
    def finish(self, function: str, params: Sequence[Any] = ()) -> list[Row]: ...


TenantConnection = Connection[Context]
"""Bound to one tenant: what `unit_of_work` gives."""

"""What a repository may do with the database."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from domain.tenancy import Context

Row = dict[str, Any]


class TenantConnection(ABC):
    """A connection that only `unit_of_work` makes, bound to one tenant. A raw connection does not type-check as one.

    `execute` runs a statement in the unit's transaction. `read` and `finish` call one SQL function of schema `app`,
    which takes the context as its first three arguments and is atomic by itself: alone in a unit it is the whole
    transaction, one round trip. After a lone `finish` the unit is over.
    """

    context: Context

    @abstractmethod
    def execute(self, query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]: ...

    @abstractmethod
    def read(self, function: str, params: Sequence[Any] = ()) -> list[Row]: ...

    @abstractmethod
    def finish(self, function: str, params: Sequence[Any] = ()) -> list[Row]: ...

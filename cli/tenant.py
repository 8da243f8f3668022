"""`ffp tenant`: what operators set for one tenant."""

from typing import Annotated

import typer

app = typer.Typer(help="What operators set for one tenant.", no_args_is_help=True)


@app.callback()
def tenant() -> None:
    """So that a single command still has its name."""


@app.command("limit")
def limit(
    slug: Annotated[str, typer.Argument(help="The tenant, such as acme.")],
    requests: Annotated[int, typer.Argument(min=1, max=100_000, help="Requests a minute.")],
) -> None:
    """How often a tenant may ask the API (1000 a minute unless set). Works from its next request on."""
    from uuid import UUID

    from domain.errors import NotFound
    from domain.tenancy import Operator
    from infra.database import operations
    from infra.local.errors import LocalStackError
    from infra.pools import close

    try:
        with operations(Operator(UUID(int=0))) as work:  # whoever has the password; the audit log knows no name
            work.tenants.limit(slug, requests)
    except NotFound:
        raise LocalStackError(f"no tenant is called {slug}") from None
    finally:
        close()
    typer.echo(f"{slug} may make {requests} requests a minute.")

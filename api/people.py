"""How people are named in request bodies: addresses, names, passwords."""

from typing import Annotated

from pydantic import Field, StringConstraints

_ADDRESS = r"^[!-?A-~]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,63}$"
_NAME = r"^[^\x00-\x1f\x7f<>]*$"  # of one line; and no markup, whoever may show it

Email = Annotated[str, Field(min_length=3, max_length=254, examples=["ana@harbour.example"])]
NewEmail = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=_ADDRESS, max_length=254),
    Field(examples=["ana@harbour.example"]),
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_NAME)]
Password = Annotated[str, Field(min_length=1, max_length=256, examples=["correct horse battery staple"])]

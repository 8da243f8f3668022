"""`ffp score`: one instrument from one set of answers, without a database."""

import json
import sys
from typing import Annotated, Any, NoReturn

import typer

# One input for each instrument, as the error for a malformed one shows it.
EXAMPLES: dict[str, dict[str, Any]] = {
    "acsm_screening": {"answers": {"active": False, "known_disease": False, "symptoms": False}},
    "balance_tug": {"answers": {"tandem_s": 12.5, "tug_s": 9.8}},
    "chair_stand_30s": {"answers": {"age": 67, "sex": "female", "stands": 12, "used_arms": False}},
    "gad7": {"answers": [0, 1, 2, 3, 0, 1, None]},
    "koos": {"subscale": "qol", "answers": [1, 2, 0, 3]},
    "koos12": {"subscale": "function", "answers": [1, 2, 0, 3]},
    "lefs": {"answers": [3] * 20},
    "nprs": {"answers": {"now": 4}},
    "phq2": {"answers": [1, 2]},
    "phq8": {"answers": [0, 1, 2, 3, 0, 1, 2, None]},
    "phq9": {"answers": [0, 1, 2, 3, 0, 1, 2, None, 0]},
    "psfs": {"answers": {"stairs": 4, "running": 2, "kneeling": 5}},
    "quickdash": {"answers": [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, None]},
    "rmdq24": {"ticked": [1, 5, 8], "none_apply": False},
    "sbst9": {"answers": {"items": [0, 1, 0, 1, 0, 0, 1, 0], "bothersomeness": "moderately"}},
    "spadi": {"variant": "pooled", "answers": {"pain": [5, 5, 5, 5, 5], "disability": [2, 2, 2, 2, 2, 2, 2, 2]}},
}


def score(
    instrument: Annotated[str, typer.Argument(help=", ".join(EXAMPLES), show_default=False)],
) -> None:
    """Score an instrument: JSON in on standard input, JSON out.

    Example: echo '{"answers": [1, 2]}' | ffp score phq2

    A value that no score may be made of gives {"error": "out_of_range"} or the like. Ends with 2 for an unknown
    instrument, and for an input that is not JSON of the instrument's shape.
    """
    from cli.documents import Unreadable, parse_json, read_text
    from domain.assessments.instruments import SCORERS, MalformedInput, UnknownInstrument, score_instrument

    if instrument not in SCORERS:
        _refuse(f"{UnknownInstrument.detail} Known: {', '.join(sorted(SCORERS))}")
    try:
        scores = score_instrument(instrument, parse_json(read_text(sys.stdin.buffer)))
    except Unreadable as error:
        _refuse(f"the input is {error}")
    except MalformedInput as error:
        _refuse(f"{error} {instrument} takes, for example: {json.dumps(EXAMPLES[instrument])}")
    typer.echo(json.dumps(scores, ensure_ascii=False))


def _refuse(message: str) -> NoReturn:
    typer.echo(f"ffp: {message}", err=True)
    raise typer.Exit(2)

"""`ffp mail` against the emulator that the tests share."""

import json
from pathlib import Path
from uuid import uuid4

from typer.testing import CliRunner

from cli.main import app
from domain.emails import letter
from infra.local import clients, mailbox
from tests import cluster


def stack(directory: Path) -> list[str]:
    (directory / "stack.json").write_text(json.dumps({"sqs_endpoint_url": cluster.emulator().url}))
    return ["mail", "--data-dir", str(directory)]


def test_what_was_sent_is_listed_and_shown(tmp_path: Path) -> None:
    command, runner, address = stack(tmp_path), CliRunner(), f"p{uuid4().hex[:8]}@x.example"
    made = letter(address, "removed", {"business": "[red]Acme"}, "https://app.example.com")
    clients.ses(cluster.emulator().url).send_email(
        FromEmailAddress="FFP <no-reply@ffp.example>",
        Destination={"ToAddresses": [address]},
        Content={"Simple": {"Subject": {"Data": made.subject}, "Body": {"Text": {"Data": made.text}}}},
    )
    [mail] = [each for each in mailbox.mails(cluster.emulator().url) if each.to == address]
    for arguments in ([], ["ls"]):
        listed = runner.invoke(app, [*command, *arguments])
        assert listed.exit_code == 0, listed.output
        [line] = [line for line in listed.output.splitlines() if address in line]
        assert line.split()[0] == str(mail.number)
    shown = runner.invoke(app, [*command, "show", str(mail.number)])
    assert shown.output.startswith(f"From: FFP <no-reply@ffp.example>\nTo: {address}\nSubject: {made.subject}\n\n")
    assert made.text in shown.output
    none = runner.invoke(app, [*command, "show", "1000000"])
    assert (none.exit_code, none.output) == (1, "ffp: there is no e-mail 1000000: see `ffp mail`\n")


def test_without_a_stack_it_says_so_in_a_line(tmp_path: Path) -> None:
    none = CliRunner().invoke(app, ["mail", "--data-dir", str(tmp_path)])
    assert none.exit_code == 1
    assert none.output.startswith("ffp: no stack is up")

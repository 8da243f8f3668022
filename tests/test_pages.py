"""What the pages link to is there, and what they tell to type exists."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from cli.main import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def test_every_link_of_a_page_leads_somewhere() -> None:
    for page in PAGES:
        for target, anchor in links(page):
            assert target.exists(), (page, target)
            assert not anchor or anchor in anchors(target), (page, f"{target}#{anchor}")


def test_every_page_can_be_found_from_the_first_one() -> None:
    found, open_ones = set[Path](), [ROOT / "README.md"]
    while open_ones:
        page = open_ones.pop()
        found.add(page)
        open_ones += [target for target, _ in links(page) if target.suffix == ".md" and target not in found]
    alone = [page.relative_to(ROOT).as_posix() for page in PAGES if page not in found]
    assert [name for name in alone if not name.startswith("docs/errors/")] == []  # those are linked from each error


def typed(page: Path) -> Iterator[list[str]]:
    """The command lines in a page's code: words of each, without comments and what is behind a pipe."""
    text = page.read_text()
    blocks = re.findall(r"^```(?:sh|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for line in [each for block in blocks for each in block.replace("\\\n", " ").splitlines()] + inline:
        for part in re.split(r"\s*(?:\||&&|;)\s+", line.split("#")[0]):
            yield part.split()


def check(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands") and re.fullmatch(r"[a-z-]+", words[0]):
        assert words[0] in command.commands, words
        command = command.commands[words.pop(0)]
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in options, (command.name, word)


def test_every_command_of_a_page_exists() -> None:
    for words in (words for page in PAGES for words in typed(page)):
        program, *rest = words or [""]
        if program in {"ffp", ".venv/bin/ffp"}:
            check(rest)
        elif program == "make":
            assert {word for word in rest if re.fullmatch(r"[a-z-]+", word)} <= TARGETS, words
        elif program.startswith(("benchmarks/", "tests/")):
            assert (ROOT / program).exists(), words
        elif "python" in program and rest and rest[0].startswith("benchmarks/"):
            assert (ROOT / rest[0]).exists(), words

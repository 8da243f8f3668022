"""Programs set in type: PDF/UA-1, tagged, so that a screen reader finds headings, tables and their header rows.

typst (80 MB) is in the artefact of one function (docs/deploy.md); it is loaded by the first report. It reads no file,
no network and no font of the machine; what it sets comes in as data, so no text of a program is taken for markup.
"""

import json
from collections.abc import Mapping

_SOURCE = """
#let data = json(bytes(sys.inputs.program))
#set document(title: "Exercise program")
#set page(paper: "a4", margin: (x: 18mm, y: 20mm), numbering: "1 / 1")
#set text(font: "Libertinus Serif", size: 11pt, lang: "en", hyphenate: false)
#show heading: set block(above: 1.4em, below: 0.7em, sticky: true)
#title()
#[#data.weeks weeks, from #data.at("from") until #data.until. Stop and ask for advice when pain is strong, or does not
settle within a day.]
= Sessions
#for session in data.sessions [
  #block(breakable: false, width: 100%)[
    == #session.title
    #session.day, about #session.minutes minutes.
    #table(
      columns: (1fr, auto, auto, auto),
      inset: 6pt,
      stroke: (x, y) => (bottom: 0.5pt + luma(120)),
      table.header([*Exercise*], [*Sets x repetitions*], [*Rest*], [*Effort*]),
      ..session.items.map(item => (item.name, item.dose, item.rest, item.effort)).flatten()
    )
  ]
]
= How each exercise is done
#for each in data.cues [
  == #each.name
  #each.cue
]
"""


def program_pdf(content: Mapping[str, object]) -> bytes:
    """`content` as domain/reports.py makes it. The same content is the same bytes."""
    import typst  # noqa: PLC0415 - as said above

    made = typst.compile(
        _SOURCE.encode(),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"program": json.dumps(content)},
        pdf_standards=["ua-1"],
        timestamp=0,
    )
    if not isinstance(made, bytes):
        raise TypeError("typst gives one PDF as bytes")
    return made

"""A simulation of the API, the queues, their workers, the connections and the database, at 1,000 to 1,000,000 users.

    .venv/bin/python benchmarks/scale.py                       # print the tables
    .venv/bin/python benchmarks/scale.py docs/scale.md         # write them into the page, and docs/figures/scale.svg

Twelve minutes of the busiest hour, with a reminder after three that 5 % of all users follow within ten minutes. Seeded:
the same tables each time. First what is shipped, at every size; then with the switches of load.SWITCHED.
"""

import math
import random
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import simpy

from benchmarks import cost, load
from benchmarks.load import AS_SHIPPED, SWITCHED, Size

# Seconds. From docs/performance.md, doubled for 1,024 MB of arm64, which is less than one processor.
CODE_S = 0.010  # a request's own, beside PostgreSQL
READ_S, WRITE_S = (
    0.0006,
    0.004,
)  # of PostgreSQL's processor: 144 + 148 us and the commit; 8 clients 465/s on two processors
WRITES = 0.4  # of requests: progress of videos, events, saves
MESSAGE_S, MESSAGE_WRITE_S = 0.060, 0.009  # a job of generation; a worker alone does 112 of its transactions a second
HOP_S = 0.030  # from a commit to the function that polls
WARM_S = 0.05
START_S = 0.6  # of an environment from its snapshot: assumed
TRIES, BACK_OFF_S = 4, 1.0  # of a client that is answered 503
QUIET_S, CAMPAIGN_S = 180.0, 360.0  # three minutes, six of a reminder's ten, and three again
STEP_S = 5.0

# Processors, and how many a burstable class has for good.
DATABASES = {"db.t4g.small": (2, 0.4), "db.t4g.medium": (2, 0.4), "db.m7g.large": (2, 2), "db.m7g.2xlarge": (8, 8)}


@dataclass
class Run:
    """What came out. `waits` in seconds; `oldest`, `busy` and `environments` every STEP_S."""

    size: Size
    waits: list[float] = field(default_factory=list)
    asked: int = 0
    refused: int = 0  # answers 503, before a client's next try
    lost: int = 0  # requests that gave up
    oldest: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    environments: list[int] = field(default_factory=list)
    database_s: float = 0.0

    def wait(self, share: float) -> float:
        found = sorted(self.waits)
        return found[min(len(found) - 1, int(share * len(found)))]

    @property
    def refused_share(self) -> float:
        return self.refused / max(1, self.asked + self.refused)

    @property
    def processors(self) -> float:
        """Of PostgreSQL, used on the average."""
        return self.database_s / (2 * QUIET_S + CAMPAIGN_S)


class Installation:
    """One API function, one queue that stands for those of work, PostgreSQL behind both."""

    def __init__(self, size: Size, seed: int) -> None:
        self.env, self.chance, self.run = simpy.Environment(), random.Random(seed), Run(size)
        self.database = simpy.Resource(self.env, DATABASES[size.database][0])
        self.taken = 0
        self.warm = math.ceil(size.requests_a_second * WARM_S)  # the minutes before have left as many
        self.waiting: list[float] = []  # when each message was written; they are taken in this order
        self.head = 0
        self.idle: list[Any] = []

    def rate(self) -> float:
        size = self.run.size
        campaign = QUIET_S <= self.env.now < QUIET_S + CAMPAIGN_S
        return size.requests_a_second + (size.campaign_requests_a_second if campaign else 0.0)

    def arrivals(self) -> Generator[Any, Any, None]:
        end = 2 * QUIET_S + CAMPAIGN_S
        while self.env.now < end:
            yield self.env.timeout(self.chance.expovariate(self.rate()))
            self.env.process(self.request())

    def request(self) -> Generator[Any, Any, None]:
        """A client's, with its tries. Lambda keeps nobody waiting: with every place taken it refuses at once."""
        began = self.env.now
        self.run.asked += 1
        for attempt in range(TRIES):
            if self.taken < self.run.size.places:
                break
            self.run.refused += 1
            yield self.env.timeout(BACK_OFF_S * 2**attempt * self.chance.uniform(0.5, 1.5))
        else:
            self.run.lost += 1
            return
        self.taken += 1
        if self.taken > self.warm:
            self.warm += 1
            yield self.env.timeout(START_S)
        yield self.env.timeout(CODE_S)
        write = self.chance.random() < WRITES
        yield from self.ask(WRITE_S if write else READ_S)
        self.taken -= 1
        self.run.waits.append(self.env.now - began)
        if self.chance.random() < load.MESSAGES / load.REQUESTS:
            self.waiting.append(self.env.now)
            if self.idle:
                self.idle.pop().succeed()

    def ask(self, seconds: float) -> Generator[Any, Any, None]:
        """PostgreSQL, for so much of a processor."""
        with self.database.request() as turn:
            yield turn
            used = self.chance.expovariate(1 / seconds)
            self.run.database_s += used
            yield self.env.timeout(used)

    def worker(self) -> Generator[Any, Any, None]:
        while True:
            if self.head == len(self.waiting):
                call = self.env.event()
                self.idle.append(call)
                yield call
                yield self.env.timeout(HOP_S)
                if self.head == len(self.waiting):
                    continue
            self.head += 1
            yield self.env.timeout(self.chance.expovariate(1 / MESSAGE_S))
            yield from self.ask(MESSAGE_WRITE_S)

    def watch(self) -> Generator[Any, Any, None]:
        while True:
            oldest = self.env.now - self.waiting[self.head] if self.head < len(self.waiting) else 0.0
            self.run.oldest.append(oldest)
            self.run.busy.append(self.database.count / self.database.capacity)
            self.run.environments.append(self.warm)
            yield self.env.timeout(STEP_S)

    def finish(self) -> Run:
        for _ in range(2 * self.run.size.workers):  # of scoring and of generation
            self.env.process(self.worker())
        self.env.process(self.arrivals())
        self.env.process(self.watch())
        self.env.run(2 * QUIET_S + CAMPAIGN_S)
        return self.run


def simulate(size: Size, seed: int = 7) -> Run:
    return Installation(size, seed).finish()


def first_to_break(run: Run) -> str:
    """What gives way first, by the alarms' own numbers."""
    lasting = DATABASES[run.size.database][1]
    size = run.size
    steady = size.requests_a_second * (
        WRITES * WRITE_S + (1 - WRITES) * READ_S + load.MESSAGES / load.REQUESTS * MESSAGE_WRITE_S
    )
    if run.refused_share > 0.001:
        return f"places of the API: {run.refused_share:.1%} of answers were 503"
    if max(run.oldest) > 120:
        return f"workers: a message waits {max(run.oldest):.0f} s"
    if steady > lasting:
        return "credits of the burstable class"
    if size.gb_a_year > 500:
        return f"the disk: {size.gb_a_year:.0f} GB in a year"
    return "nothing"


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def table(runs: list[Run]) -> str:
    out = [_row("users", *(f"{run.size.users:,}" for run in runs)), _row("---", *["---:"] * len(runs))]
    rows = {
        "database": lambda run: run.size.database + (", two zones" if run.size.multi_az else ""),
        "places of the API, workers": lambda run: f"{run.size.places}, {2 * run.size.workers}",
        "requests a second, busiest hour / reminder": lambda run: (
            f"{run.size.requests_a_second:.1f} / {run.size.requests_a_second + run.size.campaign_requests_a_second:.0f}"
        ),
        "answer, p50 / p99 (ms)": lambda run: f"{run.wait(0.5) * 1000:.0f} / {run.wait(0.99) * 1000:,.0f}",
        "answers 503": lambda run: f"{run.refused_share:.1%}",
        "requests given up": lambda run: f"{run.lost / run.asked:.1%}",
        "connections, most": lambda run: max(run.environments) + 2 * run.size.workers,
        "oldest message (s)": lambda run: f"{max(run.oldest):.0f}",
        "PostgreSQL, processors used of": lambda run: f"{run.processors:.2f} of {DATABASES[run.size.database][0]}",
        "database after a year (GB)": lambda run: f"{run.size.gb_a_year:,.1f}",
        "US dollars a month": lambda run: f"{cost.total(run.size):,.0f}",
        "gives way first": first_to_break,
    }
    out += [_row(name, *(cell(run) for run in runs)) for name, cell in rows.items()]
    return "\n".join(out) + "\n"


COLOURS = ("#a9c4d4", "#6ba292", "#f2c14e", "#d1495b")


def drawing(shipped: list[Run], switched: list[Run]) -> str:
    """Environments and the oldest message over the twelve minutes, as shipped and with switches thrown."""
    shipped = [run for run in shipped if run.size.users in {one.size.users for one in switched}]
    panels = [
        ("As shipped: environments of the API", [run.environments for run in shipped], 20, 40),
        ("With the switches: environments of the API", [run.environments for run in switched], 390, 40),
        ("As shipped: age of the oldest message (s)", [run.oldest for run in shipped], 20, 240),
        ("With the switches: age of the oldest message (s)", [run.oldest for run in switched], 390, 240),
    ]
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 470" font-family="sans-serif" font-size="12">']
    parts.append('<rect width="740" height="470" fill="#fff"/>')
    for title, series, left, top in panels:
        parts += _panel(title, series, left, top)
    for number, run in enumerate(shipped):
        left = 60 + 150 * number
        parts.append(f'<rect x="{left}" y="444" width="14" height="14" fill="{COLOURS[number]}"/>')
        parts.append(f'<text x="{left + 20}" y="456">{run.size.users:,} users</text>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(title: str, series: list[list[Any]], left: int, top: int) -> list[str]:
    most = max(1.0, *(max(values) for values in series))
    scale = 10 ** math.floor(math.log10(most))
    most = math.ceil(most / scale) * scale
    begin, end = (40 + 290 * at / (2 * QUIET_S + CAMPAIGN_S) for at in (QUIET_S, QUIET_S + CAMPAIGN_S))
    parts = [f'<g transform="translate({left},{top})">', f'<text x="40" y="-12" font-weight="bold">{title}</text>']
    parts.append(f'<rect x="{begin:.0f}" y="0" width="{end - begin:.0f}" height="140" fill="#f3f3f3"/>')
    parts.append('<text x="112" y="158" fill="#777">a reminder goes out</text>')
    parts.append(
        f'<text x="34" y="10" text-anchor="end">{most:g}</text><text x="34" y="140" text-anchor="end">0</text>'
    )
    parts.append('<path d="M40 0V140H330" fill="none" stroke="#999"/>')
    for values, colour in zip(series, COLOURS, strict=True):
        points = " ".join(
            f"{40 + 290 * at / (len(values) - 1):.1f},{140 - 140 * value / most:.1f}" for at, value in enumerate(values)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return [*parts, "</g>"]


BEGIN, MIDDLE, END = (
    "<!-- benchmarks/scale.py: as shipped -->\n",
    "<!-- benchmarks/scale.py: switched -->\n",
    "<!-- to here -->\n",
)


def _replaced(text: str, mark: str, made: str) -> str:
    before, _, rest = text.partition(mark)
    return before + mark + made + END + rest.partition(END)[2]


def main() -> None:
    shipped = [simulate(size) for size in AS_SHIPPED]
    switched = [simulate(size) for size in SWITCHED]
    if len(sys.argv) < 2:
        print(table(shipped), table(switched), sep="\n")
        return
    path = Path(sys.argv[1])
    path.write_text(_replaced(_replaced(path.read_text(), BEGIN, table(shipped)), MIDDLE, table(switched)))
    (path.parent / "figures" / "scale.svg").write_text(drawing(shipped, switched))


if __name__ == "__main__":
    main()

"""What an installation costs a month, line by line, from unit prices and the load.

.venv/bin/python benchmarks/cost.py                  # print the tables
.venv/bin/python benchmarks/cost.py docs/cost.md     # write them into the page
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import load
from benchmarks.load import AS_SHIPPED, SECONDS_A_MONTH, SWITCHED, Size

# US dollars, us-east-1, on demand, without taxes and the free tiers that end after a year. Known in June 2026.
HOURS = 730
DATABASES = {"db.t4g.small": 0.032, "db.t4g.medium": 0.065, "db.m7g.large": 0.168, "db.m7g.2xlarge": 0.674}  # an hour
PROCESSORS = {"db.t4g.small": 2, "db.t4g.medium": 2, "db.m7g.large": 2, "db.m7g.2xlarge": 8}
DISK_GB = 0.115  # gp3, a month
PROXY_PROCESSOR_HOUR = 0.015
NAT_HOUR, NAT_GB = 0.045, 0.045
ENDPOINT_HOUR = 0.01  # in one zone
REST_MILLION = 3.50
FUNCTION_MILLION, FUNCTION_GB_S = 0.20, 0.0000133334  # arm64
SNAPSHOT_GB_S, RESTORE_GB = 0.0000015046, 0.0001397998
QUEUE_MILLION, QUEUE_FREE = 0.40, 1e6
KEY_MILLION, KEY_FREE = 3.00, 20_000  # requests of KMS
# An hour of each queue, two for each function that sends there and one for the one that receives (SQS, "Estimating AWS
# KMS usage costs"); tests/aws/test_cost.py counts.
SENDERS, RECEIVERS = 17, 12
POLLERS, POLL_S = 5, 20  # of one event source, also when there is nothing
SIGN_IN_USER, SIGN_IN_USER_LITE, SIGN_IN_FREE = 0.015, 0.0055, 10_000  # Essentials; Lite does not rotate refresh tokens
LOG_GB = 0.50
KEY, SECRET, ALARM, METRIC, ZONE, CHECK = 1.00, 0.40, 0.10, 0.30, 0.50, 0.75
WEB_ACL, WEB_RULE, WEB_MILLION = 5.00, 1.00, 0.60
TRACES_MILLION, TRACES_FREE = 5.00, 100_000
MAIL_THOUSAND = 0.10
OUT_GB, OUT_FREE_GB = 0.085, 1000  # CloudFront
STORED_GB = 0.023  # S3

# What the templates make, some of it rounded up; tests/aws/test_cost.py counts. An alarm pays for each of its metrics.
KEYS, SECRETS, ALARMS, EVENT_SOURCES = 8, 3, 50, 12
METRICS = 35  # of our own, by their dimensions

# Seconds of a function on 1,024 MB of arm64, with PostgreSQL's and the network's (docs/performance.md, doubled).
REQUEST_S, MESSAGE_S = 0.05, 0.08
EACH_MINUTE, EACH_MINUTE_S = 4, 0.3
LOGGED_KB = 1.5  # of a request or a message, access log included
VIDEOS_GB, FLOW_GB = 2.0, 0.5


def lines(size: Size) -> Iterator[tuple[str, float]]:
    """(what, dollars a month)."""
    requests, messages = size.users * load.REQUESTS, size.users * load.MESSAGES
    copies = (2 if size.multi_az else 1) + size.replica
    disk = max(50.0, 1.5 * size.gb_a_year)  # after a year, a third of it free
    yield "PostgreSQL", copies * (DATABASES[size.database] * HOURS + disk * DISK_GB)
    if size.proxy:
        yield "RDS Proxy", max(2, PROCESSORS[size.database]) * PROXY_PROCESSOR_HOUR * HOURS
    if size.nat:
        yield "NAT gateway", NAT_HOUR * HOURS + NAT_GB * (requests + messages) * 4e-6  # 4 KB each
    else:
        yield "endpoint of SES", ENDPOINT_HOUR * HOURS
    yield "API Gateway", requests / 1e6 * REST_MILLION
    minutes = SECONDS_A_MONTH / 60 * EACH_MINUTE
    seconds = requests * REQUEST_S + messages * MESSAGE_S + minutes * EACH_MINUTE_S * 0.5  # half the memory
    yield "Lambda", (requests + messages + minutes) / 1e6 * FUNCTION_MILLION + seconds * FUNCTION_GB_S
    restores = size.places * 24 * load.DAYS_A_MONTH  # of each place one an hour, at the most
    yield "SnapStart", SECONDS_A_MONTH * SNAPSHOT_GB_S + restores * RESTORE_GB
    polls = EVENT_SOURCES * POLLERS * SECONDS_A_MONTH / POLL_S
    yield "SQS", max(0.0, polls + 3 * messages - QUEUE_FREE) / 1e6 * QUEUE_MILLION
    yield "Cognito", max(0, size.users - SIGN_IN_FREE) * SIGN_IN_USER
    yield "logs", ((requests + messages) * LOGGED_KB / 1e6 + FLOW_GB) * LOG_GB
    asked = max(0, SECONDS_A_MONTH / 3600 * (2 * SENDERS + RECEIVERS) - KEY_FREE)
    yield "keys, secrets, zone", KEYS * KEY + asked / 1e6 * KEY_MILLION + SECRETS * SECRET + ZONE
    yield "alarms, metrics, check", ALARMS * ALARM + METRICS * METRIC + CHECK
    traced = min(requests, SECONDS_A_MONTH + 0.05 * requests)  # X-Ray takes one a second and a twentieth of the rest
    yield "traces", max(0.0, traced - TRACES_FREE) / 1e6 * TRACES_MILLION
    if size.firewall:
        yield "firewall", WEB_ACL * 2 + WEB_RULE * 6 + requests / 1e6 * WEB_MILLION
    yield "e-mails", size.users * load.EMAILS / 1000 * MAIL_THOUSAND
    yield "videos and pages", max(0.0, size.users * load.VIDEO_GB - OUT_FREE_GB) * OUT_GB + VIDEOS_GB * STORED_GB


def total(size: Size) -> float:
    return sum(dollars for _, dollars in lines(size))


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def page() -> str:
    """The tables of docs/cost.md."""
    bills = [dict(lines(size)) for size in SWITCHED]
    names = list(dict.fromkeys(name for bill in bills for name in bill))
    out = [_row("users", *(f"{size.users:,}" for size in SWITCHED)), _row("---", *["---:"] * len(SWITCHED))]
    out.append(_row("database", *(size.database + (", two zones" if size.multi_az else "") for size in SWITCHED)))
    out += [_row(name, *(f"{bill[name]:,.2f}" for bill in bills)) for name in names]
    out.append(_row("**a month, US dollars**", *(f"**{sum(bill.values()):,.2f}**" for bill in bills)))
    out.append(_row("a user", *(f"{total(size) / size.users:,.4f}" for size in SWITCHED)))
    small = AS_SHIPPED[0]
    out += ["", _row("1,000 users, and", "a month", "more"), _row("---", "---:", "---:")]
    choices = {
        "as shipped": small,
        "without the firewall": replace(small, firewall=False),
        "a NAT gateway": replace(small, nat=True),
        "a second zone for PostgreSQL": replace(small, multi_az=True),
        "a read replica": replace(small, replica=True),
        "RDS Proxy": replace(small, proxy=True),
    }
    for name, choice in choices.items():
        out.append(_row(name, f"{total(choice):,.2f}", f"{total(choice) - total(small):+,.2f}"))
    fewer = 50_000 - SIGN_IN_FREE
    out += ["", _row("Cognito for 50,000 users", "a month"), _row("---", "---:")]
    out.append(_row("Essentials, which FFP uses", f"{fewer * SIGN_IN_USER:,.0f}"))
    out.append(_row("Lite, without rotation of refresh tokens", f"{fewer * SIGN_IN_USER_LITE:,.0f}"))
    return "\n".join(out) + "\n"


BEGIN, END = "<!-- benchmarks/cost.py -->\n", "<!-- to here -->\n"


def main() -> None:
    if len(sys.argv) < 2:
        print(page())
        return
    path = Path(sys.argv[1])
    before, _, rest = path.read_text().partition(BEGIN)
    path.write_text(before + BEGIN + page() + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()

"""What FFP is asked to carry, and with what: the one load that docs/cost.md and docs/scale.md are computed from.

A user is one who is active in the month. All of this is assumed, not observed; change it here and run both scripts.
"""

from dataclasses import dataclass

SECONDS_A_MONTH = 730 * 3600
DAYS_A_MONTH = 730 / 24

# Of one user in a month.
SESSIONS = 12.0  # three a week
REQUESTS_A_SESSION = 9.0  # calendar, session, three addresses of videos, their progress, events, the end
ASSESSMENTS = 0.5
REQUESTS_AN_ASSESSMENT = 14.0  # start, five saves, submit, four polls, result, program, sign-in
EMAILS = 4.0
VIDEO_GB = 12 * 3 * 0.003  # three clips of 3 MB a session
STORED_KB = 70.0  # rows and indexes that stay: answers, snapshot, program, events of sessions, audit
REQUESTS = SESSIONS * REQUESTS_A_SESSION + ASSESSMENTS * REQUESTS_AN_ASSESSMENT
MESSAGES = ASSESSMENTS * 2 + SESSIONS + EMAILS  # scored and generated, adapted, sent

# The busiest hour has this share of its day.
BUSIEST_HOUR = 0.15
# A reminder goes out, and this share of all users opens the application within ten minutes.
CAMPAIGN_SHARE, CAMPAIGN_S = 0.05, 600.0


@dataclass(frozen=True, slots=True)
class Size:
    """An installation. `places` are environments of the API, `workers` those of scoring and generation each;
    `database` is a class of RDS. Every environment holds one connection.
    """

    users: int
    database: str = "db.t4g.small"
    multi_az: bool = False
    replica: bool = False
    proxy: bool = False
    nat: bool = False
    firewall: bool = True
    places: int = 40
    workers: int = 3

    @property
    def requests_a_second(self) -> float:
        """In the busiest hour."""
        return self.users * REQUESTS / DAYS_A_MONTH * BUSIEST_HOUR / 3600

    @property
    def campaign_requests_a_second(self) -> float:
        return self.users * CAMPAIGN_SHARE * REQUESTS_A_SESSION / CAMPAIGN_S

    @property
    def gb_a_year(self) -> float:
        return self.users * STORED_KB * 12 / 1e6


AS_SHIPPED = tuple(Size(users) for users in (1_000, 10_000, 100_000, 400_000, 600_000, 1_000_000))
# With the switches thrown that docs/scale.md says.
SWITCHED = (
    Size(1_000),
    Size(10_000, "db.t4g.medium", multi_az=True),
    Size(100_000, "db.m7g.large", multi_az=True, places=80, workers=6),
    Size(1_000_000, "db.m7g.2xlarge", multi_az=True, replica=True, places=300, workers=30),
)

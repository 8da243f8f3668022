"""What a client reports gives one state, whatever way it takes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.sessions.events import OLDEST, SKEW, Event, Setting, take
from domain.sessions.state import Result, fold

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EXERCISES = {1: "glute_bridge", 2: "wall_push_up", 3: "cat_cow"}
SETTING = Setting(NOW, frozenset(EXERCISES), None, {1: ["hip_thrust"]})
measures = st.fixed_dictionaries(
    {}, optional={"sets": st.integers(0, 5), "reps": st.integers(0, 30), "pain_during": st.integers(0, 10)}
)
bodies = st.one_of(
    st.tuples(st.just("started"), st.none(), st.just({})),
    st.tuples(st.just("finished"), st.none(), st.just({})),
    st.tuples(st.just("exercise_done"), st.integers(1, 3), measures),
    st.tuples(st.just("exercise_skipped"), st.integers(1, 3), st.just({"reason": "no_time"})),
    st.tuples(st.just("exercise_swapped"), st.just(1), st.just({"exercise": "hip_thrust"})),
    st.tuples(st.just("pain_after"), st.integers(1, 3), st.fixed_dictionaries({"pain": st.integers(0, 10)})),
)
histories = st.lists(st.tuples(st.integers(0, 600), bodies), min_size=1, max_size=12).map(
    lambda drawn: [
        Event(UUID(int=index), NOW - timedelta(minutes=ago), kind, position, body)
        for index, (ago, (kind, position, body)) in enumerate(drawn)
    ]
)


def event(number: int, minutes_ago: int, kind: str, position: int | None = None, **body: object) -> Event:
    return Event(UUID(int=number), NOW - timedelta(minutes=minutes_ago), kind, position, body)  # type: ignore[arg-type]


@given(histories, st.data())
def test_replayed_and_reordered_events_give_the_same_state(events: list[Event], data: st.DataObject) -> None:
    """In any order, in any number of reports, each event any number of times."""
    expected = fold(events, EXERCISES)
    sent = data.draw(st.permutations(events)) + data.draw(st.lists(st.sampled_from(events), max_size=6))
    stored: list[Event] = []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        report, sent = sent[:size], sent[size:]
        taken = take(stored, report, SETTING)
        assert not taken.refused
        assert len(taken.new) + len(taken.known) == len(report)
        stored += taken.new
    assert sorted(stored, key=lambda e: e.id) == sorted(events, key=lambda e: e.id)
    assert fold(stored, EXERCISES) == expected


@given(histories)
def test_every_event_is_taken_known_or_refused(events: list[Event]) -> None:
    late = [*events, event(90, -30, "finished"), event(91, 50_000, "finished"), event(92, 0, "pain_after", 9, pain=1)]
    taken = take([], late, SETTING)
    assert [*(e.id for e in taken.new), *taken.known, *(r.id for r in taken.refused)] == [e.id for e in late]
    assert [r.code for r in taken.refused] == ["in_the_future", "too_old", "no_such_exercise"]


def test_the_bounds_of_a_clients_clock() -> None:
    edge = [Event(UUID(int=1), NOW + SKEW, "started"), Event(UUID(int=2), NOW - OLDEST, "started")]
    assert take([], edge, SETTING).refused == ()
    beyond = [Event(e.id, e.at + timedelta(seconds=s), "started") for e, s in zip(edge, (1, -1), strict=True)]
    assert [r.code for r in take([], beyond, SETTING).refused] == ["in_the_future", "too_old"]


def test_nothing_is_done_after_a_program_has_stopped_but_said_of_what_was_done_before() -> None:
    stopped = Setting(NOW, frozenset(EXERCISES), NOW - timedelta(hours=1), {})
    events = [event(1, 90, "finished"), event(2, 30, "exercise_done", 1), event(3, 30, "pain_after", 1, pain=2)]
    taken = take([], events, stopped)
    assert [e.id.int for e in taken.new] == [1, 3]
    assert [r.code for r in taken.refused] == ["program_not_active"]


def test_the_later_of_two_reports_counts() -> None:
    events = [
        event(1, 10, "exercise_done", 1, sets=2, pain_during=3),
        event(2, 5, "exercise_skipped", 1, reason="pain", note="sharp"),
        event(3, 20, "pain_after", 1, pain=4),
        event(4, 8, "exercise_swapped", 2, exercise="incline_push_up"),
    ]
    state = fold(events, EXERCISES)
    assert state.status == "started"
    assert state.results == (
        Result(1, "glute_bridge", "skipped", pain_after_24h=4, reason="pain", note="sharp", done_at=events[1].at),
        Result(2, "incline_push_up"),
    )


def test_what_was_done_outweighs_what_the_calendar_says() -> None:
    assert fold([], EXERCISES, "missed").status == "missed"
    assert fold([event(1, 5, "pain_after", 1, pain=0)], EXERCISES, "dropped").status == "dropped"
    assert fold([event(1, 5, "finished")], EXERCISES, "dropped").status == "done"

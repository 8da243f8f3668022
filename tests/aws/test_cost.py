"""docs/cost.md and docs/scale.md say what their scripts say, of what the templates make."""

import re

import pytest

from benchmarks import cost, scale
from benchmarks.load import AS_SHIPPED, SWITCHED, Size
from domain.jobs import TASK_OF
from infra import metrics, settings
from tests.aws import gateway, rendered
from tests.aws.stack import Stack

DOCS = gateway.TEMPLATE.parent / "docs"


def test_the_page_on_cost_is_what_its_script_says() -> None:
    assert cost.page() in (DOCS / "cost.md").read_text(), "run: .venv/bin/python benchmarks/cost.py docs/cost.md"


def test_prices_are_the_design_s() -> None:
    """The figures that were known before there was a script."""
    bill = dict(cost.lines(Size(50_000)))
    assert bill["Cognito"] == pytest.approx(600)
    assert pytest.approx(220) == cost.SIGN_IN_USER_LITE * (50_000 - cost.SIGN_IN_FREE)
    assert cost.REST_MILLION == 3.5
    assert cost.total(Size(1_000, nat=True)) - cost.total(Size(1_000)) == pytest.approx(25.5, abs=1)
    assert dict(cost.lines(Size(10_000)))["Cognito"] == 0


def test_what_is_counted_is_what_the_templates_make(stack: Stack) -> None:
    templates = [rendered.read(rendered.STACKS / f"{name}.yaml")["Resources"].values() for name in rendered.NAMES]
    everything = [each for of in templates for each in of] + list(stack.resources.values())
    kinds = [each["Type"] for each in everything]
    assert kinds.count("AWS::KMS::Key") == cost.KEYS
    assert kinds.count("AWS::SecretsManager::Secret") + 1 == cost.SECRETS  # and the one that RDS makes
    sends = sum(len(stack.queues_allowed(name, "sqs:SendMessage")) for name in stack.functions)
    receives = sum(len(stack.queues_allowed(name, "sqs:ReceiveMessage")) for name in stack.functions)
    assert (sends, receives) == (cost.SENDERS, cost.RECEIVERS)
    alarms = [each["Properties"] for each in everything if each["Type"] == "AWS::CloudWatch::Alarm"]
    paid = sum(len([one for one in each.get("Metrics", [1]) if one == 1 or "MetricStat" in one]) for each in alarms)
    own = [metric for metric in metrics.METRICS if not metric.container_only]
    values = {"stage": len(TASK_OF), "queue": len(settings.QUEUES)}
    told = sum(values[metric.dimensions[0]] if metric.dimensions else 1 for metric in own)
    for counted, written in (
        (paid, cost.ALARMS), (told, cost.METRICS), (kinds.count("AWS::Lambda::EventSourceMapping"), cost.EVENT_SOURCES),
    ):  # fmt: skip
        assert counted <= written <= 1.5 * counted


def test_sizes_are_what_the_templates_have() -> None:
    application, database = rendered.read(gateway.TEMPLATE), rendered.read(rendered.STACKS / "database.yaml")
    functions = application["Resources"]
    shipped = AS_SHIPPED[0]
    assert functions["ApiFunction"]["Properties"]["ReservedConcurrentExecutions"] == shipped.places
    for name in ("ScoringFunction", "GenerationFunction"):
        [event] = functions[name]["Properties"]["Events"].values()
        assert event["Properties"]["ScalingConfig"]["MaximumConcurrency"] == shipped.workers
    assert database["Parameters"]["InstanceClass"]["Default"] == shipped.database
    allowed = re.compile(database["Parameters"]["InstanceClass"]["AllowedPattern"])
    assert all(allowed.fullmatch(size.database) for size in SWITCHED)


def test_the_simulation_is_repeatable_and_can_fail() -> None:
    once, again = scale.simulate(Size(20_000)), scale.simulate(Size(20_000))
    assert (once.waits, once.oldest) == (again.waits, again.oldest)
    assert scale.first_to_break(once) == "nothing"
    assert once.refused == 0
    narrow = scale.simulate(Size(100_000, places=1))
    assert narrow.refused > 0
    assert scale.first_to_break(narrow).startswith("places of the API")
    idle = scale.simulate(Size(100_000, workers=0))
    assert max(idle.oldest) > 120
    assert scale.first_to_break(idle).startswith("workers")


def test_nobody_is_counted_twice_or_forgotten() -> None:
    run = scale.simulate(Size(50_000, places=2))
    under_way = run.asked - len(run.waits) - run.lost
    assert 0 <= under_way <= run.asked * 0.02
    assert max(run.environments) <= 2


@pytest.mark.long
def test_the_page_on_scale_is_what_its_script_says() -> None:
    text = (DOCS / "scale.md").read_text()
    for sizes in (AS_SHIPPED, SWITCHED):
        assert scale.table([scale.simulate(size) for size in sizes]) in text

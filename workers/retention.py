"""What has been kept long enough goes, and whoever is to be erased is: a step of the sweeper."""

from infra import logs, retention, settings


def retain() -> dict[str, int]:
    """Returns counts by what was done."""
    due = retention.enqueue_erasures()
    counts = {"erasures_due": due} | {f"{k}_pruned": n for k, n in retention.prune(settings.retention()).items()}
    if any(counts.values()):
        logs.info("retained", **counts)
    return counts

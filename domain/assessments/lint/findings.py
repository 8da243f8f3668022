"""One thing to mend."""

from typing import Literal

from domain.assessments.model import Frozen

FindingCode = Literal[
    "duplicate_id", "dangling_reference", "cycle",
    "type_mismatch", "unknown_option", "unreachable_item",
    "option_without_score", "no_exclusive_option", "policy_impossible", "range_unknown", "range_mismatch",
    "band_gap", "band_overlap", "band_unreachable",
    "feed_vocabulary", "feed_optional",
    "translation_missing", "licence_missing",
    "flag_not_asked", "flag_unknown", "flag_optional",
]  # fmt: skip


class Finding(Frozen):
    """`where` is a link id, a scale, or a feed; `mend` says what to do."""

    where: str
    code: FindingCode
    mend: str

"""Drawn people: a few lines that move between two poses, for the demonstration clips of the local stack.

Metres, seen from the side, the ground at 0. Trunk, hands and feet are given; elbows and knees follow from the lengths
of limbs, so that nothing stretches while it moves.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

Point = tuple[float, float]
WIDTH, HEIGHT = 480, 270  # pixels
FRAMES_A_S = 12
CYCLE_S = 3
_VIEW = 4.0  # metres across
_LEG, _ARM, _HEAD = 0.415, 0.29, 0.11
_PAPER, _INK, _FAR, _GROUND = (250, 249, 245), (31, 58, 92), (150, 170, 195), (205, 200, 190)


@dataclass(frozen=True)
class Pose:
    """`hands` and `feet`: the near one and the far one. `head` is a direction from the neck."""

    neck: Point
    hip: Point
    hands: tuple[Point, Point]
    feet: tuple[Point, Point]
    head: Point = (0.0, 1.0)


@dataclass(frozen=True)
class Movement:
    """From one pose to the other and back. `knees`, `elbows`: 1 or -1, the side to which they bend. `toe`: from heel to
    toe. `props` are lines that do not move.
    """

    start: Pose
    end: Pose
    knees: int = 1
    elbows: int = -1
    toe: Point = (0.16, 0.0)
    props: tuple[tuple[Point, Point], ...] = field(default=())


def frames(movement: Movement, seconds: int) -> Iterator[bytes]:
    """RGB, WIDTH x HEIGHT, FRAMES_A_S a second. The way back is the way there in reverse, so half of it is drawn."""
    import numpy as np  # noqa: PLC0415 - only who draws needs it

    half = FRAMES_A_S * CYCLE_S // 2
    drawn = [_frame(np, movement, (1 - math.cos(math.pi * step / half)) / 2).tobytes() for step in range(half + 1)]
    cycle = [*drawn, *drawn[-2:0:-1]]
    for number in range(seconds * FRAMES_A_S):
        yield cycle[number % len(cycle)]


def _frame(np: Any, movement: Movement, share: float) -> "Frame":
    canvas = np.empty((HEIGHT, WIDTH, 3), np.float32)
    canvas[:] = _PAPER
    _line(np, canvas, (-1.9, 0.0), (1.9, 0.0), 0.012, _GROUND)
    for start, end in movement.props:
        _line(np, canvas, start, end, 0.03, _GROUND)
    pose = _between(movement.start, movement.end, share)
    for side, ink in ((1, _FAR), (0, _INK)):
        foot, hand = pose.feet[side], pose.hands[side]
        knee = _joint(pose.hip, foot, _LEG, movement.knees)
        elbow = _joint(pose.neck, hand, _ARM, movement.elbows)
        toe = (foot[0] + movement.toe[0], max(foot[1] + movement.toe[1], 0.0))
        for start, end in ((pose.hip, knee), (knee, foot), (foot, toe), (pose.neck, elbow), (elbow, hand)):
            _line(np, canvas, start, end, 0.045, ink)
    _line(np, canvas, pose.neck, pose.hip, 0.06, _INK)
    centre = (pose.neck[0] + pose.head[0] * 0.17, pose.neck[1] + pose.head[1] * 0.17)
    _line(np, canvas, centre, centre, _HEAD, _INK)
    made: Frame = canvas.astype(np.uint8)
    return made


def _line(np: Any, canvas: Any, start: Point, end: Point, half: float, ink: tuple[int, int, int]) -> None:
    """With round ends, `half` metres to each side, its edge smoothed over a pixel."""
    scale = WIDTH / _VIEW
    (x0, y0), (x1, y1) = ((WIDTH / 2 + x * scale, HEIGHT - 30 - y * scale) for x, y in (start, end))
    width = half * scale
    left, right = int(max(min(x0, x1) - width - 2, 0)), int(min(max(x0, x1) + width + 3, WIDTH))
    top, bottom = int(max(min(y0, y1) - width - 2, 0)), int(min(max(y0, y1) + width + 3, HEIGHT))
    if left >= right or top >= bottom:
        return
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    length = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-6)
    along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1)
    away = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
    cover = np.clip(width + 0.5 - away, 0, 1)[..., None]
    part = canvas[top:bottom, left:right]
    part += cover * (np.array(ink, np.float32) - part)


def _joint(near: Point, far: Point, length: float, side: int) -> Point:
    """Where a limb of two equal parts bends. One that does not reach is drawn straight."""
    dx, dy = far[0] - near[0], far[1] - near[1]
    apart = math.hypot(dx, dy)
    middle = (near[0] + dx / 2, near[1] + dy / 2)
    if apart >= 2 * length or apart == 0:
        return middle
    out = math.sqrt(length**2 - (apart / 2) ** 2) * side
    return middle[0] - dy / apart * out, middle[1] + dx / apart * out


def _between(a: Pose, b: Pose, share: float) -> Pose:
    def mix(p: Point, q: Point) -> Point:
        return p[0] + (q[0] - p[0]) * share, p[1] + (q[1] - p[1]) * share

    return Pose(
        mix(a.neck, b.neck),
        mix(a.hip, b.hip),
        (mix(a.hands[0], b.hands[0]), mix(a.hands[1], b.hands[1])),
        (mix(a.feet[0], b.feet[0]), mix(a.feet[1], b.feet[1])),
        mix(a.head, b.head),
    )

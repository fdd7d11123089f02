"""How near a thread comes to a structure, and how probable it is that the two touch.

The error model. A structure lies off its drawn curve by one lateral shift along its own normals in
the plane of the skin and by one shift in depth, each the same number of its standard deviations all
along (which differ along a structure that was marked on the patient); the hand leads the whole
thread off its planned line by a lateral shift across the thread and by one shift in depth. All four
are Gaussian and independent. Against a structure that a thread meets at the angle a, the lateral
shifts add up to a standard deviation of sqrt(structure^2 + (hand cos a)^2), those in depth to
sqrt(structure^2 + hand^2).

The probability. Seen from the structure, a thread is a curve in the plane of (signed lateral
distance, difference in depth), both counted in standard deviations. The two touch when the shift
falls within one radius of that curve: the probability is the Gaussian mass of the curve widened by
the radius. It is summed over narrow lateral bins, of each the interval in depth that the curve
covers. Every rounding goes outwards (whole bins, the hull of a bin's intervals, discs wide enough
to cover the way between two samples, all feet of perpendiculars on a bent structure), so that the
sum is an upper bound; for straight threads along or across straight structures it is exact but for
the width of a bin. What passes beyond the end of a structure is met when the end itself is shifted
onto it, lengthwise as well; that probability, of the box that holds all such places, is added.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Nothing further away than this matters to any rule; clearances are counted up to it [mm].
FAR_MM = 20.0

#: Feet nearer to each other than this are one place [mm]: far above rounding, far below a sample.
STILL_MM = 1e-6

#: Lateral bins: so many standard deviations to each side (the outermost bins hold the tails), so
#: many bins. Finer bins change no probability by more than 2 %.
SPAN_SD = 4.5
BINS = 300
_WIDTH = 2.0 * SPAN_SD / BINS


@njit(cache=True)
def mass(low, high):
    """Standard normal probability between two numbers; zero for an empty interval."""
    if high <= low:
        return 0.0
    root = math.sqrt(2.0)
    return 0.5 * (math.erf(high / root) - math.erf(low / root))


@njit(cache=True)
def bin_mass():
    """Standard normal probability (BINS,) of every lateral bin, the tails in the outermost."""
    out = np.zeros(BINS)
    for b in range(BINS):
        low = -SPAN_SD + b * _WIDTH if b > 0 else -40.0
        high = -SPAN_SD + (b + 1) * _WIDTH if b < BINS - 1 else 40.0
        out[b] = mass(low, high)
    return out


@njit(cache=True)
def bin_of(lateral, sd):
    """The bin of a lateral shift [mm]."""
    b = math.floor((lateral / sd + SPAN_SD) / _WIDTH)
    return min(max(b, 0), BINS - 1)


@njit(cache=True)
def cover(low, high, lateral, apart, sd, sd_depth, radius):
    """Widen the depth intervals low, high (BINS,) [sd_depth] by a disc at (lateral, apart) [mm]."""
    # Outwards by next to nothing: a disc that ends on the edge of a bin covers both, in any frame.
    first, last = lateral - radius - STILL_MM, lateral + radius + STILL_MM
    for b in range(bin_of(first, sd), bin_of(last, sd) + 1):
        left = (-SPAN_SD + b * _WIDTH) * sd
        right = left + _WIDTH * sd
        gap = max(left - lateral, lateral - right, 0.0)
        if b in (0, BINS - 1):
            gap = 0.0
        half = math.sqrt(max(radius * radius - gap * gap, 0.0))
        low[b] = min(low[b], (apart - half) / sd_depth)
        high[b] = max(high[b], (apart + half) / sd_depth)


@njit(cache=True)
def covered(weight, low, high, low_beyond, high_beyond, breach):
    """Probability that the shift falls into the covered bins.

    low, high (BINS,) [sd] depths that are met anyway; low_beyond, high_beyond those that are met
    only where the cannula passes a fascia, with the probability `breach`.
    """
    p = 0.0
    for b in range(BINS):
        if high[b] < low[b] and high_beyond[b] < low_beyond[b]:
            continue
        anyway = mass(low[b], high[b])
        both = mass(min(low[b], low_beyond[b]), max(high[b], high_beyond[b]))
        p += weight[b] * (anyway + breach * (both - anyway))
    return p


@njit(cache=True)
def widen(box, beside, apart, radius):
    """Widen a box (4,) = (beside from, to, apart from, to) [mm] by a square."""
    box[0], box[1] = min(box[0], beside - radius), max(box[1], beside + radius)
    box[2], box[3] = min(box[2], apart - radius), max(box[3], apart + radius)


@njit(cache=True)
def boxed(box, sd, sd_depth):
    """Probability that a shift falls into a box (4,) [mm]; zero for one that holds nothing."""
    return mass(box[0] / sd, box[1] / sd) * mass(box[2] / sd_depth, box[3] / sd_depth)


@njit(cache=True)
def past_end(boxes, sd, sd_depth, breach):
    """Probability that an end is shifted onto a thread, by boxes (2,4): met anyway, and beyond."""
    anyway = boxed(boxes[0], sd, sd_depth)
    both = np.empty(4)
    for c in range(4):
        if c % 2 == 0:
            both[c] = min(boxes[0, c], boxes[1, c])
        else:
            both[c] = max(boxes[0, c], boxes[1, c])
    return anyway + breach * (boxed(both, sd, sd_depth) - anyway)


@njit(cache=True)
def under_outline(foot, curve, first, last):
    """True when a foot point lies inside a closed outline in the side view (y, z), same side."""
    if foot[0] * curve[first, 0] <= 0.0:
        return False
    inside = False
    k = last - 1
    for i in range(first, last):
        if (curve[i, 1] > foot[1]) != (curve[k, 1] > foot[1]):
            share = (foot[1] - curve[i, 1]) / (curve[k, 1] - curve[i, 1])
            if foot[2] < curve[i, 2] + share * (curve[k, 2] - curve[i, 2]):
                inside = not inside
        k = i
    return inside


@njit(cache=True)
def sunk(weight, deepest):
    """Probability that a gland reaches a thread.

    deepest (BINS,) [sd]: by the lateral shift that brings the gland there, how deep under its
    capsule the deepest sample reaches; shifts count by their size, in the upper half of the bins.
    """
    p, so_far = 0.0, -1e30
    for b in range(BINS // 2, BINS):
        so_far = max(so_far, deepest[b])
        # Twice: shifts to either side.
        p += 2.0 * weight[b] * mass(-40.0, so_far)
    return min(p, 1.0)


@njit(cache=True)
def side_of(ax, ay, az, dx, dy, dz, normal):
    """+1 or -1: on which side of a direction a in the skin a vector d points."""
    x = (ay * dz - az * dy) * normal[0]
    y = (az * dx - ax * dz) * normal[1]
    z = (ax * dy - ay * dx) * normal[2]
    return 1.0 if x + y + z >= 0.0 else -1.0


@njit(cache=True)
def courses(feet, depth, starts):
    """Direction (n,3) of threads at their samples, longest steps to a neighbour, tips.

    starts (p+1,): where each unbroken piece (a tract, a path) begins. The steps (n,) [mm], along
    and down, tell how much of a thread lies between two samples; tip (n,): first and last of one.
    """
    n = len(feet)
    course, along, down = np.zeros((n, 3)), np.zeros(n), np.zeros(n)
    tip = np.zeros(n, dtype=np.bool_)
    for t in range(len(starts) - 1):
        for i in range(starts[t], starts[t + 1]):
            before, after = max(i - 1, starts[t]), min(i + 1, starts[t + 1] - 1)
            length = one = two = 0.0
            for c in range(3):
                course[i, c] = feet[after, c] - feet[before, c]
                length += course[i, c] ** 2
                one += (feet[i, c] - feet[before, c]) ** 2
                two += (feet[after, c] - feet[i, c]) ** 2
            # A puncture has its feet in one place: what rounding leaves there is no direction.
            if length > STILL_MM * STILL_MM:
                course[i] /= math.sqrt(length)
            else:
                course[i] = 0.0
            along[i] = math.sqrt(max(one, two))
            down[i] = max(abs(depth[i] - depth[before]), abs(depth[after] - depth[i]))
            tip[i] = before == i or after == i
    return course, along, down, tip


@njit(cache=True)
def meet(
    feet,
    normals,
    depth,
    fascia,
    deep_fascia,
    starts,
    pieces,
    band,
    breach,
    hand,
    curve,
    tangent,
    curve_depth,
    slope,
    sd_own,
    sd_lat,
    sd_dep,
    flare,
    flare_depth,
    start,
    centre,
    reach,
    radius,
    below,
):
    """Per thread and structure: margin [mm], clearance [mm] and probability, each with its sample.

    feet, normals (n,3), depth, fascia, deep_fascia (n,): samples of all threads, thread t from
    starts[t] to starts[t+1], unbroken from pieces[q] to pieces[q+1]. The rest are a hazard field's
    rules and packed structures: curve to flare_depth by sample (structure j from start[j] to
    start[j+1]), centre to below by structure. Returns margin, clearance and probability (t,s) and
    at (t,s,3): the thread's own samples where margin and clearance are least and where contact is
    likeliest (-1: out of reach).
    """
    threads, s = len(starts) - 1, len(start) - 1
    margin = np.full((threads, s), np.inf)
    clearance = np.full((threads, s), FAR_MM)
    p = np.zeros((threads, s))
    at = np.full((threads, s, 3), -1)
    weight = bin_mass()
    course, along, down, tip = courses(feet, depth, pieces)
    low, high = np.empty(BINS), np.empty(BINS)
    low_beyond, high_beyond = np.empty(BINS), np.empty(BINS)
    # By end of the structure and whether a fascia lies in between: see past_end.
    boxes = np.empty((2, 2, 4))
    # What a fascia in between is worth, as a number of standard deviations.
    guard = -2.0 * math.log(max(breach, 1e-12))
    for t in range(threads):
        for j in range(s):
            likeliest, met = 1e30, False
            for i in range(starts[t], starts[t + 1]):
                fx, fy, fz = feet[i, 0], feet[i, 1], feet[i, 2]
                dx, dy, dz = fx - centre[j, 0], fy - centre[j, 1], fz - centre[j, 2]
                if dx * dx + dy * dy + dz * dz > reach[j] * reach[j]:
                    continue
                if not met:
                    met = True
                    low[:], high[:] = 1e30, -1e30
                    low_beyond[:], high_beyond[:] = 1e30, -1e30
                    boxes[:, :, 0::2], boxes[:, :, 1::2] = 1e30, -1e30
                beside, nearest, spare = 1e30, 1e30, np.inf
                beside_k = start[j]
                ahead = 0.0
                for k in range(start[j], start[j + 1]):
                    dx, dy, dz = fx - curve[k, 0], fy - curve[k, 1], fz - curve[k, 2]
                    lateral = dx * dx + dy * dy + dz * dz
                    apart = depth[i] - curve_depth[k]
                    if lateral < beside:
                        beside, beside_k = lateral, k
                    nearest = min(nearest, lateral + apart * apart)
                    if abs(apart) < band:
                        spare = min(spare, math.sqrt(lateral) - (radius[j] + sd_lat[k]))
                    if below[j]:
                        continue
                    # Feet of perpendiculars: where the structure turns from ahead to behind.
                    was = ahead
                    ahead = dx * tangent[k, 0] + dy * tangent[k, 1] + dz * tangent[k, 2]
                    first, last = k == start[j], k == start[j + 1] - 1
                    # Abreast of a point, but for rounding, is ahead of it.
                    outside = (first and ahead <= STILL_MM) or (last and ahead >= -STILL_MM)
                    if not outside and (first or (was >= -STILL_MM) == (ahead >= -STILL_MM)):
                        continue
                    beyond = (depth[i] < fascia[i] and curve_depth[k] > fascia[i]) or (
                        depth[i] < deep_fascia[i] and curve_depth[k] > deep_fascia[i]
                    )
                    toward = course[i, 0] * dx + course[i, 1] * dy + course[i, 2] * dz
                    cosine = (
                        course[i, 0] * tangent[k, 0]
                        + course[i, 1] * tangent[k, 1]
                        + course[i, 2] * tangent[k, 2]
                    )
                    sine = math.sqrt(max(1.0 - cosine * cosine, 0.0))
                    sd = math.sqrt(sd_own[k] ** 2 + (hand * cosine) ** 2)
                    # Where the deviations change, what lies between two samples is further apart.
                    aside = along[i] * sine + math.sqrt(lateral) * flare[k] * along[i]
                    sunken = slope[k] * along[i] + abs(apart) * flare_depth[k] * along[i]
                    gap = math.hypot(aside, down[i] + sunken)
                    wide = math.sqrt(radius[j] ** 2 + 0.25 * gap * gap)
                    x = math.sqrt(max(lateral - ahead * ahead, 0.0))
                    past = 0.0
                    if outside:
                        past = abs(ahead) if first != last else math.sqrt(lateral)
                    if past > wide:
                        # Beyond the end: where the thread passes it, the end may be shifted there.
                        if abs(toward) > along[i] and not tip[i]:
                            continue
                        x, sd = math.sqrt(lateral), sd_lat[k]
                        wide = radius[j] + 0.5 * math.hypot(along[i], down[i])
                        widen(boxes[int(last), int(beyond)], x, apart, wide)
                    else:
                        x *= side_of(
                            tangent[k, 0], tangent[k, 1], tangent[k, 2], dx, dy, dz, normals[i]
                        )
                        wide = math.sqrt(wide * wide - past * past)
                        if abs(x) > SPAN_SD * sd + wide:
                            continue
                        if beyond:
                            cover(low_beyond, high_beyond, x, apart, sd, sd_dep[k], wide)
                        else:
                            cover(low, high, x, apart, sd, sd_dep[k], wide)
                    far = (max(abs(x) - radius[j], 0.0) / sd) ** 2
                    far += (max(abs(apart) - radius[j], 0.0) / sd_dep[k]) ** 2
                    far += guard if beyond else 0.0
                    if far < likeliest - STILL_MM:
                        likeliest, at[t, j, 2] = far, i - starts[t]
                if below[j]:
                    # A gland fills its outline from its capsule down: threads lie above it.
                    lateral = math.sqrt(beside)
                    if under_outline(feet[i], curve, start[j], start[j + 1]):
                        lateral = 0.0
                    apart = depth[i] - curve_depth[beside_k]
                    near = math.hypot(lateral, min(apart, 0.0)) - radius[j]
                    tube = radius[j] + sd_lat[beside_k]
                    spare = lateral - tube if apart > -radius[j] else np.inf
                    # Half a step more: what lies between two samples.
                    shift = lateral - radius[j] - 0.5 * along[i] - STILL_MM
                    b = bin_of(max(shift, 0.0), sd_lat[beside_k])
                    deeper = apart + 0.5 * (down[i] + slope[beside_k] * along[i])
                    high[b] = max(high[b], (deeper + radius[j]) / sd_dep[beside_k])
                    far = (lateral / sd_lat[beside_k]) ** 2
                    far += (max(-apart, 0.0) / sd_dep[beside_k]) ** 2
                    if far < likeliest - STILL_MM:
                        likeliest, at[t, j, 2] = far, i - starts[t]
                else:
                    near = math.sqrt(nearest) - radius[j]
                # Of places that are equally near the first is named, whatever the rounding.
                if near < clearance[t, j] - STILL_MM:
                    at[t, j, 1] = i - starts[t]
                if spare < margin[t, j] - STILL_MM:
                    at[t, j, 0] = i - starts[t]
                clearance[t, j] = min(near, clearance[t, j])
                margin[t, j] = min(spare, margin[t, j])
            if met and below[j]:
                p[t, j] = sunk(weight, high)
            elif met:
                touch = covered(weight, low, high, low_beyond, high_beyond, breach)
                for end in range(2):
                    k = start[j] if end == 0 else start[j + 1] - 1
                    touch += past_end(boxes[end], sd_lat[k], sd_dep[k], breach)
                p[t, j] = min(touch, 1.0)
    return margin, clearance, p, at

"""Numbers out of text, fast: scans of some million vertices also come as text."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

#: More digits than this do not change a float64.
_DIGITS = 17
#: Results of `obj_tables`.
FINE, NOT_A_NUMBER, TOO_MANY = 0, 1, 2
#: Corners of a polygon beyond which a face line is no face.
_CORNERS = 64


@njit(cache=True)
def _blank(c):
    return c == 32 or c == 9 or c == 13 or c == 11 or c == 12


@njit(cache=True)
def read_number(data, i, end):
    """(ok, value, next position) of the number at data[i:end]; 'nan' and 'inf' count as NaN."""
    negative = False
    if i < end and (data[i] == 43 or data[i] == 45):
        negative = data[i] == 45
        i += 1
    mantissa, exponent, digits, any_digit, point = 0, 0, 0, False, False
    while i < end:
        c = data[i]
        if 48 <= c <= 57:
            any_digit = True
            if digits < _DIGITS:
                mantissa = mantissa * 10 + (c - 48)
                if mantissa > 0:
                    digits += 1
                if point:
                    exponent -= 1
            elif not point:
                exponent += 1
        elif c == 46 and not point:
            point = True
        else:
            break
        i += 1
    if not any_digit:
        # n(an), i(nf), in either case
        if i + 2 < end and (data[i] | 32) in (105, 110):
            while i < end and not _blank(data[i]) and data[i] != 10:
                i += 1
            return True, np.nan, i
        return False, 0.0, i
    if i < end and (data[i] == 101 or data[i] == 69):
        i += 1
        down = False
        if i < end and (data[i] == 43 or data[i] == 45):
            down = data[i] == 45
            i += 1
        power, some = 0, False
        while i < end and 48 <= data[i] <= 57:
            some = True
            power = min(power * 10 + (data[i] - 48), 10000)
            i += 1
        if not some:
            return False, 0.0, i
        exponent += -power if down else power
    x = float(mantissa)
    if mantissa > 0:
        # In two steps: 10^-320 alone would already be rounded.
        x = x * 10.0 ** (exponent // 2) * 10.0 ** (exponent - exponent // 2)
    return True, -x if negative else x, i


@njit(cache=True)
def all_numbers(data, limit):
    """All numbers (k,) of a text without words, and the position where it stopped being one."""
    out = np.empty(limit)
    n, i, end = 0, 0, len(data)
    while True:
        while i < end and (_blank(data[i]) or data[i] == 10):
            i += 1
        if i >= end or n >= limit:
            break
        ok, x, j = read_number(data, i, end)
        if not ok or (j < end and not (_blank(data[j]) or data[j] == 10)):
            break
        out[n] = x
        n += 1
        i = j
    return out[:n], i


@njit(cache=True)
def stl_corners(data, limit):
    """Corners (k, 3) after every word 'vertex' of a text STL; (corners, whether all were read)."""
    out = np.empty((limit, 3))
    n, i, end = 0, 0, len(data)
    word = np.array([118, 101, 114, 116, 101, 120], dtype=np.uint8)  # vertex
    while i + 6 < end:
        match = True
        for k in range(6):
            if (data[i + k] | 32) != word[k]:
                match = False
                break
        if not match or not _blank(data[i + 6]):
            i += 1
            continue
        i += 6
        if n >= limit:
            return out, False
        for c in range(3):
            while i < end and _blank(data[i]):
                i += 1
            ok, x, i = read_number(data, i, end)
            if not ok:
                return out[:n], False
            out[n, c] = x
        n += 1
    return out[:n], True


@njit(cache=True)
def _line_kind(data, i, end):
    """1 'v', 2 'vt', 3 'f', 0 anything else, for the line that starts at data[i]."""
    if i + 1 >= end:
        return 0
    if data[i] == 118:
        if _blank(data[i + 1]):
            return 1
        if data[i + 1] == 116 and i + 2 < end and _blank(data[i + 2]):
            return 2
    if data[i] == 102 and _blank(data[i + 1]):
        return 3
    return 0


@njit(cache=True)
def _indent(data, i, end):
    while i < end and _blank(data[i]):
        i += 1
    return i


@njit(cache=True)
def count_lines(data):
    """Numbers of 'v', 'vt' and 'f' lines, and of face corners, of an OBJ text."""
    v, vt, f, corners = 0, 0, 0, 0
    i, end = 0, len(data)
    while i < end:
        i = _indent(data, i, end)
        kind = _line_kind(data, i, end)
        v += kind == 1
        vt += kind == 2
        f += kind == 3
        token = False
        while i < end and data[i] != 10:
            if kind == 3:
                here = not _blank(data[i])
                corners += here and not token
                token = here
            i += 1
        i += 1
    return v, vt, f, max(corners - f, 0)


@njit(cache=True)
def obj_tables(data, n_v, n_vt, n_corners):
    """Tables of an OBJ text: see `threadlift.face.scan.formats.obj`.

    Returns state, where (byte), vertices (n_v, 6) [xyz rgb, NaN for no colour], uv (n_vt, 2),
    triangles and their uv rows (m, 3) (-1 = none), and the byte at which each triangle's line
    starts (m,).
    """
    vertices = np.full((n_v, 6), np.nan)
    uv = np.full((n_vt, 2), np.nan)
    tri = np.empty((n_corners, 3), dtype=np.int64)
    tex = np.empty((n_corners, 3), dtype=np.int64)
    start = np.empty(n_corners, dtype=np.int64)
    corner = np.empty(_CORNERS, dtype=np.int64)
    corner_uv = np.empty(_CORNERS, dtype=np.int64)
    row = np.empty(7)
    v, vt, m = 0, 0, 0
    i, end = 0, len(data)
    state, where = FINE, 0
    while i < end:
        i = _indent(data, i, end)
        begin = i
        kind = _line_kind(data, i, end)
        if kind == 1 or kind == 2:
            i += kind
            count = 0
            while count < 7:
                i = _indent(data, i, end)
                ok, x, j = read_number(data, i, end)
                if not ok:
                    break
                row[count] = x
                count += 1
                i = j
            if (kind == 1 and count < 3) or (kind == 2 and count < 1):
                state, where = NOT_A_NUMBER, begin
                break
            if kind == 1 and v < n_v:
                vertices[v, 0], vertices[v, 1], vertices[v, 2] = row[0], row[1], row[2]
                if count >= 6:  # x y z r g b, or x y z w r g b
                    vertices[v, 3], vertices[v, 4] = row[count - 3], row[count - 2]
                    vertices[v, 5] = row[count - 1]
                v += 1
            if kind == 2 and vt < n_vt:
                uv[vt, 0] = row[0]
                uv[vt, 1] = row[1] if count > 1 else 0.0
                vt += 1
        elif kind == 3:
            i += 1
            count = 0
            while count < _CORNERS:
                i = _indent(data, i, end)
                ok, x, j = read_number(data, i, end)
                if not ok or not abs(x) < 1e15:
                    break
                i = j
                index = np.int64(x)
                corner[count] = index - 1 if index > 0 else v + index
                corner_uv[count] = -1
                if index == 0:
                    corner[count] = -1
                if i < end and data[i] == 47:
                    i += 1
                    ok, x, j = read_number(data, i, end)
                    if ok and abs(x) < 1e15:
                        index = np.int64(x)
                        corner_uv[count] = index - 1 if index > 0 else vt + index
                        i = j
                while i < end and not _blank(data[i]) and data[i] != 10:
                    i += 1  # the normal's number
                count += 1
            if count < 3:
                state, where = NOT_A_NUMBER, begin
                break
            for k in range(1, count - 1):
                if m >= n_corners:
                    state, where = TOO_MANY, begin
                    break
                tri[m, 0], tri[m, 1], tri[m, 2] = corner[0], corner[k], corner[k + 1]
                tex[m, 0], tex[m, 1], tex[m, 2] = corner_uv[0], corner_uv[k], corner_uv[k + 1]
                start[m] = begin
                m += 1
        while i < end and data[i] != 10:
            i += 1
        i += 1
    return state, where, vertices[:v], uv[:vt], tri[:m], tex[:m], start[:m]

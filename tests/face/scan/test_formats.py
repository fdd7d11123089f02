"""Scan files: what each format may contain, and that nothing but a refusal comes out of damage."""

import base64
import io
import json
import struct
import zlib

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from threadlift.errors import InputError
from threadlift.face.scan.formats.numbers import read_number
from threadlift.face.scan.formats.raw import beside, strip_triangles
from threadlift.face.scan.read import read_scan

BALL = trimesh.creation.icosphere(subdivisions=3, radius=95.0)
POINTS, FACES = np.array(BALL.vertices), np.array(BALL.faces)
N, M = len(POINTS), len(FACES)


def spherical_uv(points):
    """A chart of the ball without wrapping: shares of x and y (rows from above)."""
    return np.column_stack([0.5 + points[:, 0] / 200.0, 0.5 - points[:, 1] / 200.0])


def gradient(size=200):
    """Red grows to the right, green grows downwards."""
    ramp = np.linspace(0, 255, size).astype(np.uint8)
    picture = np.zeros((size, size, 3), np.uint8)
    picture[..., 0], picture[..., 1] = ramp[None], ramp[:, None]
    return picture


def png(picture):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def ply(order, *, strips=None, quads=False, header_extra="", uv=None):
    """A PLY file in bytes; `order` '<', '>' or '' for text."""
    kind = {"": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}[order]
    head = f"ply\nformat {kind} 1.0\n{header_extra}element vertex {N}\n"
    head += "property float x\nproperty float y\nproperty float z\n"
    if uv is not None:
        head += "property float s\nproperty float t\n"
    rows = [list(p) for p in POINTS]
    if uv is not None:
        rows = [[*r, *q] for r, q in zip(rows, uv, strict=True)]
    lists = [strips] if strips is not None else FACES.tolist()
    if quads:
        lists[0] = [*lists[0], lists[0][2]]  # one polygon of four corners, the last one twice
    name = "tristrips" if strips is not None else "face"
    head += f"element {name} {len(lists)}\nproperty list int int vertex_indices\nend_header\n"
    if not order:
        lines = [" ".join(f"{x:.7g}" for x in r) for r in rows]
        lines += [" ".join(map(str, [len(r), *r])) for r in lists]
        return (head + "\n".join(lines) + "\n").encode()
    body = b"".join(struct.pack(order + f"{len(r)}f", *r) for r in rows)
    body += b"".join(struct.pack(order + f"{len(r) + 1}i", len(r), *r) for r in lists)
    return head.encode() + body


def obj(*, mtl=None):
    uv = spherical_uv(POINTS) * [1, -1] + [0, 1]
    text = f"mtllib {mtl}\n" if mtl else ""
    text += "".join(f"v {x:.8g} {y:.8g} {z:.8g}\n" for x, y, z in POINTS)
    text += "".join(f"vt {u:.6f} {v:.6f}\n" for u, v in uv)
    text += "usemtl skin\n" + "".join(f"f {a}/{a} {b}/{b} {c}/{c}\n" for a, b, c in FACES + 1)
    return text.encode()


def glb(document, chunk=b""):
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunk += b"\0" * (-len(chunk) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text
    body += struct.pack("<I4s", len(chunk), b"BIN\0") + chunk
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def textured_gltf(image, *, uri=None):
    """Description and binary part of a textured ball."""
    parts = [
        POINTS.astype("<f4").tobytes(),
        FACES.astype("<u2").tobytes(),
        spherical_uv(POINTS).astype("<f4").tobytes(),
        image,
    ]
    starts = np.cumsum([0, *(len(p) for p in parts)])
    views = [
        {"buffer": 0, "byteOffset": int(s), "byteLength": len(p)}
        for s, p in zip(starts, parts, strict=False)
    ]
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": [0, 0, 10], "scale": [1, 1, 1]}],
        "meshes": [
            {
                "primitives": [
                    {"attributes": {"POSITION": 0, "TEXCOORD_0": 2}, "indices": 1, "material": 0}
                ]
            }
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"uri": uri} if uri else {"bufferView": 3, "mimeType": "image/png"}],
        "buffers": [{"byteLength": int(starts[-1])}],
        "bufferViews": views,
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": N, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 3 * M, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5126, "count": N, "type": "VEC2"},
        ],
    }
    return document, b"".join(parts)


def put(path, content):
    path.write_bytes(content)
    return path


def assert_ball(scan, shift=0.0):
    assert (len(scan.vertices), len(scan.triangles)) == (N, M)
    assert np.linalg.norm(scan.vertices - [0, 0, shift], axis=1) == pytest.approx(95.0, abs=1e-3)


def assert_gradient(scan):
    """Colours and texture agree with the chart of the ball."""
    expected = 255.0 * spherical_uv(scan.vertices)
    assert scan.colors is not None
    assert np.abs(scan.colors[:, :2] - expected).max() < 6.0
    assert scan.texture is not None
    bary = np.full((len(scan.triangles), 3), 1 / 3)
    seen = scan.texture.at(np.arange(len(scan.triangles)), bary)
    middle = 255.0 * spherical_uv(scan.vertices[scan.triangles].mean(axis=1))
    assert np.abs(seen[:, :2] - middle).max() < 2.0


@pytest.mark.parametrize("order", ["", "<", ">"])
def test_ply_in_every_encoding(tmp_path, order):
    assert_ball(read_scan(put(tmp_path / "a.ply", ply(order))))
    mixed = read_scan(put(tmp_path / "b.ply", ply(order, quads=True)))
    assert_ball(mixed)


@pytest.mark.parametrize("order", ["", "<", ">"])
def test_ply_triangle_strips(tmp_path, order):
    strips = [i for a, b, c in FACES.tolist() for i in (a, b, c, -1)]
    assert_ball(read_scan(put(tmp_path / "a.ply", ply(order, strips=strips))))


def test_strips_alternate_their_winding_and_start_anew():
    expected = [[0, 1, 2], [2, 1, 3], [2, 3, 4], [5, 6, 7]]
    assert strip_triangles(np.array([0, 1, 2, 3, 4, -1, 5, 6, 7])).tolist() == expected
    assert strip_triangles(np.array([0, 1, 1, 2])).tolist() == []


def test_textures_of_ply_obj_and_glb(tmp_path):
    put(tmp_path / "skin.png", png(gradient()))
    put(tmp_path / "skin.mtl", b"newmtl skin\nmap_Kd -s 1 1 1 skin.png\n")
    scan = read_scan(put(tmp_path / "a.obj", obj(mtl="skin.mtl")))
    assert_ball(scan)
    assert_gradient(scan)
    uv = spherical_uv(POINTS) * [1, -1] + [0, 1]
    extra = "comment TextureFile skin.png\n"
    assert_gradient(read_scan(put(tmp_path / "a.ply", ply("<", header_extra=extra, uv=uv))))
    scan = read_scan(put(tmp_path / "a.glb", glb(*textured_gltf(png(gradient())))))
    assert_ball(scan, shift=10.0)
    assert_gradient(scan)


def test_gltf_with_inline_data(tmp_path):
    document, chunk = textured_gltf(png(gradient()))
    inline = "data:application/octet-stream;base64," + base64.b64encode(chunk).decode()
    document["buffers"][0]["uri"] = inline
    scan = read_scan(put(tmp_path / "a.gltf", json.dumps(document).encode()))
    assert_gradient(scan)


def test_two_pictures_share_one_atlas(tmp_path):
    """Materials of one file: every triangle still finds its own picture."""
    put(tmp_path / "one.png", png(np.full((20, 30, 3), (200, 10, 10), np.uint8)))
    put(tmp_path / "two.png", png(np.full((50, 10, 3), (10, 10, 200), np.uint8)))
    put(tmp_path / "m.mtl", b"newmtl a\nmap_Kd one.png\nnewmtl b\nmap_Kd two.png\n")
    text = obj(mtl="m.mtl").decode().replace("usemtl skin", "usemtl a")
    lines = text.splitlines(keepends=True)
    lines.insert(len(lines) - M // 2, "usemtl b\n")
    scan = read_scan(put(tmp_path / "a.obj", "".join(lines).encode()))
    assert_ball(scan)
    tone = scan.texture.at(np.arange(M), np.full((M, 3), 1 / 3))
    assert np.allclose(tone[: M - M // 2], [200, 10, 10])
    assert np.allclose(tone[M - M // 2 :], [10, 10, 200])


def test_references_never_leave_the_folder_of_the_scan(tmp_path):
    secret = put(tmp_path / "secret.png", png(gradient()))
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "link.png").symlink_to(secret)
    inside = put(folder / "skin.png", png(gradient()))
    for reference in ("../secret.png", str(secret), "link.png", "a\0b", "", "x" * 5000):
        assert beside(folder, reference) is None, reference
    assert beside(folder, "C:\\Users\\someone\\skin.png") == inside.resolve()
    put(folder / "a.mtl", b"newmtl skin\nmap_Kd ../secret.png\n")
    scan = read_scan(put(folder / "a.obj", obj(mtl="a.mtl")))
    assert scan.texture is None
    assert scan.notes
    document, chunk = textured_gltf(b"", uri="../secret.png")
    assert read_scan(put(folder / "a.glb", glb(document, chunk))).texture is None
    document["buffers"][0]["uri"] = "../secret.png"
    with pytest.raises(InputError, match="does not lie beside it"):
        read_scan(put(folder / "b.glb", glb(document, chunk)))


def test_a_picture_that_claims_a_billion_pixels_is_left_out(tmp_path):
    bomb = bytearray(png(gradient(8)))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bytes(bomb[12:29])))
    scan = read_scan(put(tmp_path / "a.glb", glb(*textured_gltf(bytes(bomb)))))
    assert scan.texture is None
    assert scan.notes


def test_refusals_name_the_reason(tmp_path):
    document, chunk = textured_gltf(png(gradient()))
    good = glb(document, chunk)
    draco = {**document, "extensionsRequired": ["KHR_draco_mesh_compression"]}
    loop = {**document, "nodes": [{"mesh": 0, "children": [0]}]}
    bomb = {**document, "nodes": [{"mesh": 0}] * 9000, "scenes": [{"nodes": list(range(9000))}]}
    claims = ply("<").replace(f"vertex {N}".encode(), b"vertex 40000000")
    cases = {
        "draco.glb": (glb(draco, chunk), "Draco"),
        "loop.glb": (glb(loop, chunk), "endless"),
        "bomb.glb": (glb(bomb, chunk), "million triangles|too many pieces"),
        "cut.glb": (good[: len(good) // 2], "cut short"),
        "text.glb": (good.decode("utf-8", "replace").encode(), "passed on as text|cut short"),
        "version.glb": (good[:4] + struct.pack("<I", 1) + good[8:], "version 1"),
        "deep.gltf": (b'{"nodes":' + b"[" * 100_000, "not JSON"),
        "claims.ply": (claims, "cut short"),
        "endless.ply": (
            b"ply\nformat ascii 1.0\nelement vertex 99999999999\n" + b"end_header\n",
            "claims",
        ),
        "glb.ply": (good, "a GLB file"),
        "archive.obj": (b"PK\x03\x04" + bytes(200), "ZIP"),
        "picture.stl": (png(gradient()), "a picture"),
        "nan.obj": (obj().replace(b"v ", b"v nan ", 1), "not numbers"),
        "index.obj": (obj() + b"f 1 2 999999\n", "not there"),
        "zero.obj": (obj() + b"f 0 1 2\n", "not there"),
        "words.ply": (ply("").replace(b"\n3 ", b"\nthree ", 1), "no number"),
        "short.stl": (bytes(80) + struct.pack("<I", 1000) + bytes(500), "cut short"),
        "text.stl": (b"solid x\n facet\n vertex 1 2 3\n vertex 1 2", "cut short"),
        "far.obj": (obj().replace(b"v ", b"v 1e300 ", 1), "no scanner"),
    }
    for name, (content, reason) in cases.items():
        with pytest.raises(InputError, match=reason) as caught:
            read_scan(put(tmp_path / name, content))
        assert caught.value.remedy, name
        assert "\n" not in str(caught.value), name


@given(st.floats(-1e300, 1e300))
def test_numbers_are_read_as_python_reads_them(x):
    for text in (repr(x), f"{x:.6e}", f"{x:+.9g}"):
        data = np.frombuffer(text.encode(), dtype=np.uint8)
        ok, value, stop = read_number(data, 0, len(data))
        assert ok
        assert stop == len(data)
        assert value == pytest.approx(float(text), rel=1e-13, abs=1e-300)


def scan_or_refusal(path):
    """The scan, or None where it was refused; every other error passes."""
    try:
        return read_scan(path)
    except InputError:
        return None


ORIGINALS = {
    ".ply": [ply(""), ply("<"), ply(">", strips=[*FACES[:9].ravel().tolist(), -1, 1, 2, 3])],
    ".obj": [obj()],
    ".stl": [
        trimesh.exchange.stl.export_stl(BALL),
        trimesh.exchange.stl.export_stl_ascii(BALL).encode(),
    ],
    ".glb": [glb(*textured_gltf(png(gradient(16))))],
    ".gltf": [json.dumps(textured_gltf(b"")[0]).encode()],
}
CHOICES = [(suffix, content) for suffix, contents in ORIGINALS.items() for content in contents]


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(range(len(CHOICES))), st.data())
def test_damaged_files_are_read_or_refused(tmp_path, which, data):
    """Bytes overwritten, cut out, doubled or cut off: a scan or an InputError, nothing else."""
    suffix, content = CHOICES[which]
    damaged = bytearray(content)
    head = min(len(damaged), 1500)
    for _ in range(data.draw(st.integers(1, 6))):
        # Half of the damage goes where it hurts: headers and descriptions stand in front.
        top = data.draw(st.sampled_from([head, len(damaged)]))
        at = data.draw(st.integers(0, max(top - 1, 0)))
        match data.draw(st.sampled_from(["byte", "number", "cut", "double", "end"])):
            case "byte":
                damaged[at : at + 1] = data.draw(st.binary(min_size=1, max_size=4))
            case "number":
                extreme = data.draw(
                    st.sampled_from(
                        [b"-1", b"99999999999", b"1e999", b"nan", b"\xff" * 4, b"\0" * 8]
                    )
                )
                damaged[at : at + len(extreme)] = extreme
            case "cut":
                del damaged[at : at + data.draw(st.integers(1, 200))]
            case "double":
                damaged[at:at] = damaged[at : at + 100]
            case "end":
                del damaged[at:]
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(bytes(damaged))
    scan = scan_or_refusal(path)
    if scan is not None:
        assert np.isfinite(scan.vertices).all()
        assert scan.triangles.max() < len(scan.vertices)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_gltf_descriptions_with_wrong_values_are_refused_or_read(tmp_path, data):
    """Any one value of the description replaced by something else."""
    document, chunk = textured_gltf(png(gradient(16)))
    node, key = document, None
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.integers(0, 4)) == 0:
            break
        node = node[key]
    if key is not None and keys:
        node[key] = data.draw(
            st.sampled_from([None, -1, 0, 1, 2**31, 2**70, 1.5, "x", [], {}, [[]], True, 1e308])
        )
    scan_or_refusal(put(tmp_path / "a.glb", glb(document, chunk)))

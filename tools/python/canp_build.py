"""Builds the wheel, for `pip install tools/python`: a PEP 517 backend of the standard library alone, so it needs no network.

The package is Python and what canp-VERSION.dist-info says of it, which `cmake --install` and the Debian package install
as well. Nothing is written into the source.
"""
import base64
import glob
import hashlib
import os
import tarfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
LICENSES = (os.path.join(HERE, "LICENSE"), os.path.join(HERE, "..", "..", "LICENSE"))
WHEEL = "Wheel-Version: 1.0\nGenerator: canp\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
STAMP = (2020, 1, 1, 0, 0, 0)  # the same source gives the same wheel


def _dist_info():
    return os.path.basename(glob.glob(os.path.join(HERE, "canp-*.dist-info"))[0])


def _license():
    return next(path for path in LICENSES if os.path.exists(path))


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _metadata():
    """{name in the wheel: content} of the dist-info folder."""
    folder = _dist_info()
    found = {f"{folder}/{name}": _read(os.path.join(HERE, folder, name)) for name in ("METADATA", "entry_points.txt")}
    found[f"{folder}/WHEEL"] = WHEEL.encode()
    found[f"{folder}/LICENSE"] = _read(_license())
    return found


def _modules():
    return {f"canp/{os.path.basename(path)}": _read(path)
            for path in sorted(glob.glob(os.path.join(HERE, "canp", "*.py")) + [os.path.join(HERE, "canp", "py.typed")])}


def _leave_nothing():
    """Python writes what it compiled of this file beside it."""
    cached = globals().get("__cached__")
    if cached and os.path.exists(cached):
        os.remove(cached)
        if not os.listdir(os.path.dirname(cached)):
            os.rmdir(os.path.dirname(cached))


def _digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _write_wheel(directory, files):
    folder = _dist_info()
    name = folder[:-len(".dist-info")] + "-py3-none-any.whl"
    record = "".join(f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in files.items())
    files[f"{folder}/RECORD"] = (record + f"{folder}/RECORD,,\n").encode()
    with zipfile.ZipFile(os.path.join(directory, name), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            info = zipfile.ZipInfo(path, STAMP)
            info.external_attr, info.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
            wheel.writestr(info, content)
    _leave_nothing()
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _write_wheel(wheel_directory, {**_modules(), **_metadata()})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _write_wheel(wheel_directory, {"canp.pth": (HERE + "\n").encode(), **_metadata()})


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    for path, content in _metadata().items():
        target = os.path.join(metadata_directory, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
    _leave_nothing()
    return _dist_info()


def build_sdist(sdist_directory, config_settings=None):
    base = _dist_info()[:-len(".dist-info")]
    name = base + ".tar.gz"
    with tarfile.open(os.path.join(sdist_directory, name), "w:gz") as archive:
        for path in (*sorted(glob.glob(os.path.join(HERE, "canp", "*.py"))), os.path.join(HERE, "canp", "py.typed"),
                     os.path.join(HERE, "canp_build.py"), os.path.join(HERE, "pyproject.toml"),
                     *(os.path.join(HERE, _dist_info(), part) for part in ("METADATA", "entry_points.txt"))):
            archive.add(path, f"{base}/{os.path.relpath(path, HERE)}")
        archive.add(os.path.join(HERE, _dist_info(), "METADATA"), f"{base}/PKG-INFO")
        archive.add(_license(), f"{base}/LICENSE")
    _leave_nothing()
    return name

"""Posters of films, one picture for each film: from a tar archive or from a folder."""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from pathlib import Path

from ...errors import DataError, ResourceError
from ...files import new_folder
from ..cache import cache_folder

PICTURE = re.compile(r"[\w-]+/(\d{1,9})\.(jpe?g|png)", re.ASCII | re.IGNORECASE)
LARGEST_PICTURE = 8 * 2**20
MOST_PICTURES = 200_000
LARGEST_RATIO = 100  # unpacked / packed; more is a bomb


def posters_of_archive(archive: Path) -> dict[int, str]:
    """Return the path of each film's poster, after unpacking the archive into the user's cache once.

    The cache's folder is named by the archive's SHA-256 and appears only when whole; the archive may lie on a read-only
    disk. Nothing but pictures is accepted, and only their numbers become file names.

    Parameters
    ----------
    archive : Path
        A tar file (plain or gzip) with members ``<folder>/<film>.jpg``.

    Raises
    ------
    DataError
        If the archive is damaged, or a member is not a picture of a film: a link, a device, another name, more than 8 MiB.
    ResourceError
        If the cache cannot be written.
    """
    with archive.open("rb") as handle:
        name = hashlib.file_digest(handle, "sha256").hexdigest()[:16]
    target = cache_folder() / "posters" / name
    if not target.is_dir():
        try:
            with new_folder(target) as temporary:
                _unpack(archive, temporary)
        except OSError as error:
            raise ResourceError(
                f"cannot unpack {archive} into {target} ({error.strerror or error}); set XDG_CACHE_HOME to a folder with space"
            ) from error
    return posters_in(target)


def posters_in(folder: Path) -> dict[int, str]:
    """Return the absolute path of each ``<film>.jpg`` (or ``.jpeg``, ``.png``) in a folder; other files are left alone."""
    found = {}
    for path in sorted(folder.absolute().iterdir()):
        if PICTURE.fullmatch(f"x/{path.name}") and path.is_file():
            found[int(path.stem)] = str(path)
    return found


def _unpack(archive: Path, folder: Path) -> None:
    try:
        limit = max(archive.stat().st_size, 1024) * LARGEST_RATIO
        with tarfile.open(archive, "r:*") as opened:
            count = size = 0
            for member in opened:
                if member.isdir():
                    continue
                count += 1
                match = PICTURE.fullmatch(member.name)
                if not member.isreg() or match is None or member.size > LARGEST_PICTURE or count > MOST_PICTURES:
                    raise DataError(
                        f"{archive}: member {member.name[:80]!r} ({member.size:,} bytes) is not a poster <folder>/<film>.jpg;"
                        " it is not the original archive"
                    )
                size += member.size
                if size > limit:
                    raise DataError(
                        f"{archive} unpacks to more than {LARGEST_RATIO} times its size; it is not the original file"
                    )
                source = opened.extractfile(member)
                if source is None:
                    raise DataError(f"{archive}: member {member.name!r} cannot be read; get the file again")
                with (folder / f"{int(match[1])}.{match[2].lower()}").open("xb") as picture:
                    shutil.copyfileobj(source, picture)
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"{archive} cannot be read as the archive it should be ({error}); get the file again") from error
    except FileExistsError as error:
        raise DataError(f"{archive} has two posters of one film ({error.filename}); it is not the original archive") from error

"""Fetching a model file, with a progress bar, continuing where a broken try stopped."""

import asyncio
import sys
from hashlib import sha256 as new_sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from core import http
from core.errors import Invalid, Retryable

_OK, _PARTIAL, _RANGE_DONE = 200, 206, 416
_REDIRECTS_MOST = 5
_MAGIC = b"GGUF"


async def fetch(source: str, *, sha256: str | None = None) -> Path:
    """The local path of a GGUF file: `source` itself, or where its address was saved."""
    if urlsplit(source).scheme in ("http", "https"):
        path = await _download(source)
    else:
        path = await asyncio.to_thread(_absolute, source)
    await asyncio.to_thread(_check, path, sha256)
    return path


def _absolute(source: str) -> Path:
    return Path(source).expanduser().resolve()


def _check(path: Path, sha256: str | None) -> None:
    if not path.is_file():
        raise Invalid(f"There is no file {path}.")
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise Invalid(f"{path.name} is not a GGUF model file.")
        if sha256 is None:
            return
        digest = new_sha256(_MAGIC)
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != sha256.lower():
        raise Invalid(f"{path.name} has another SHA-256 digest than the one you gave.")


def _target(url: str) -> tuple[Path, bool]:
    """Where a download goes, and whether it is there already."""
    folder: Path = settings.DATA_DIR / "models"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (Path(urlsplit(url).path).name or "model.gguf")
    return target, target.exists()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def _download(url: str) -> Path:
    target, is_there = await asyncio.to_thread(_target, url)
    if is_there:
        return target
    partial = target.with_suffix(target.suffix + ".part")
    try:
        await _stream(url, partial)
    except httpx.HTTPError as error:
        raise Retryable(f"The download broke off: {error}. Run it again to continue.") from error
    finally:
        await http.aclose()
    partial.rename(target)
    return target


async def _stream(url: str, partial: Path) -> None:
    """Add what is missing to the partial file."""
    done = await asyncio.to_thread(_size, partial)
    for _ in range(_REDIRECTS_MOST):
        headers = {"Range": f"bytes={done}-"} if done else {}
        async with http.client().stream("GET", url, headers=headers) as response:
            if response.is_redirect:
                url = str(response.url.join(response.headers["location"]))
                continue
            if response.status_code == _RANGE_DONE:
                return
            if response.status_code not in (_OK, _PARTIAL):
                raise Invalid(f"The server answered {response.status_code}.")
            resumed = response.status_code == _PARTIAL
            done = done if resumed else 0
            total = done + int(response.headers.get("content-length", 0))
            with partial.open("ab" if resumed else "wb") as file:
                async for block in response.aiter_bytes():
                    file.write(block)
                    done += len(block)
                    _progress(done, total)
            sys.stderr.write("\n")
            return
    raise Invalid("The address leads in circles.")


def _progress(done: int, total: int) -> None:
    share = done / total if total else 0
    bar = "#" * int(30 * share)
    sys.stderr.write(f"\r[{bar:<30}] {done / 2**20:,.0f} of {total / 2**20:,.0f} MB")
    sys.stderr.flush()

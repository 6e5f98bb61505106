"""Requests to a server that may be away, slow, or not the one that it seems: HTTPS alone, after redirects too."""

from __future__ import annotations

import http.client
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from trainables.errors import UserError
from trainables.words import one_line

CHUNK: Final = 1 << 20  # bytes read at a time
ANSWER_LIMIT: Final = 16 << 20  # bytes of an answer that is read whole


class Fault(Exception):
    """Why a request failed, in one line; the `status` that was answered, if any; `passing`: waiting may help."""

    def __init__(self, reason: str, *, status: int = 0, passing: bool = True) -> None:
        super().__init__(one_line(reason))
        self.status = status
        self.passing = passing


@dataclass(frozen=True)
class Web:
    """One server, and how long it is waited for."""

    base: str  # its address without a slash at the end
    timeout: float = 30.0  # seconds without a byte
    waits: tuple[float, ...] = (1, 2, 5, 15, 30)  # seconds before each new try after a fault

    @contextmanager
    def opened(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[http.client.HTTPResponse]:
        """The answer to a GET, its body unread; proxies as the environment names them. Raises Fault, UserError."""
        self.require_safe(url)
        sent = {"User-Agent": "binwise", "Accept-Encoding": "identity", **(headers or {})}
        request = urllib.request.Request(url, headers=sent)  # noqa: S310  require_safe looked at the scheme
        opener = urllib.request.build_opener(_SafeRedirects(self))
        try:
            response = opener.open(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            raise _answered(url, error.code) from error
        except UserError:  # of a redirect; it is a ValueError too
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Fault(f"{url}: {_why(error)}") from error
        with response:
            yield response

    def read(self, url: str) -> bytes:
        """The whole body of a short answer. Raises Fault, UserError."""
        with self.opened(url) as response:
            body = b"".join(chunks(response, ANSWER_LIMIT + 1))
        if len(body) > ANSWER_LIMIT:
            raise Fault(f"{url} answers with more than {ANSWER_LIMIT:,} bytes", passing=False)
        return body

    def require_safe(self, url: str) -> None:
        """Raises UserError for anything but HTTPS; this machine may ask itself by HTTP, where `base` is there."""
        parts = urlsplit(url)
        local = parts.scheme == "http" and is_loopback(parts.hostname) and is_loopback(urlsplit(self.base).hostname)
        if not local and (parts.scheme != "https" or not parts.hostname):
            raise UserError(
                f"Data are fetched over https alone, but {self.base} leads to {one_line(url)}. "
                "Fetch the file with a browser, look at what it is, and give it with --from-file."
            )


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def __init__(self, web: Web) -> None:
        self.web = web

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: object,
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Follow to safe addresses alone."""
        self.web.require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def chunks(response: http.client.HTTPResponse, limit: int) -> Iterator[bytes]:
    """The body in parts, `limit` bytes at most; what ends early ends without a word. Raises Fault."""
    left = limit
    while left > 0:
        try:
            chunk = response.read(min(CHUNK, left))
        except (OSError, http.client.HTTPException) as error:
            raise Fault(f"the connection broke: {_why(error)}") from error
        if not chunk:
            return
        left -= len(chunk)
        yield chunk


def is_loopback(host: str | None) -> bool:
    """Whether a host's name or number means this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _answered(url: str, status: int) -> Fault:
    passing = status in (408, 416, 425, 429) or status >= 500
    return Fault(
        f"{url} answers {status} {http.client.responses.get(status, '')}".rstrip(), status=status, passing=passing
    )


def _why(error: BaseException) -> str:
    """A network error in words: what urllib wrapped, else its kind."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    text = (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
    return text or type(reason).__name__

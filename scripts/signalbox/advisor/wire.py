"""One question to an OpenAI-compatible endpoint: bounded in time, bytes and attempts, and never an exception
of a library's. `Unavailable` carries what the record will say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

MAX_REPLY_BYTES = 1 << 20
MAX_ATTEMPTS = 3
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Unavailable(Exception):
    """There is no answer; `code` is stable, the message is a sentence without anything the endpoint said."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Completion(NamedTuple):
    """What the model said, and the tokens that the endpoint says it counted (0: it did not say)."""

    content: str
    input_tokens: int
    output_tokens: int


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


def complete(
    *,
    endpoint: str,
    model: str,
    key: str,
    messages: list[dict[str, str]],
    schema: dict[str, Any] | None,
    may_drop_schema: bool,
    max_output_tokens: int,
    seconds: float,
) -> Completion:
    """Ask once, in at most `seconds` overall. Raises Unavailable, and nothing else, when there is no answer.

    A refusal of structured output (or of a parameter that dialects disagree on) is answered by asking
    without it; a 429 or 503 is retried once if there is time. Redirects are not followed: the key goes to
    the endpoint in the policy and nowhere else.
    """
    parts = urlsplit(endpoint)
    if key and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise Unavailable("advisor-insecure", "the key would travel unencrypted; use an https endpoint")
    request: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "temperature": 0,
        "max_tokens": max_output_tokens,
    }
    if schema is not None:
        described = {"name": "advice", "strict": True, "schema": schema}
        request["response_format"] = {"type": "json_schema", "json_schema": described}
    deadline = time.monotonic() + seconds
    box: list[Completion | Unavailable] = []

    def work() -> None:
        try:
            box.append(_attempts(endpoint, key, request, may_drop_schema, deadline))
        except Unavailable as error:
            box.append(error)
        except Exception as error:
            box.append(Unavailable("advisor-fault", f"asking the model failed: {type(error).__name__}"))

    # A thread, because no timeout of a socket bounds an endpoint that sends a byte now and then. It ends by
    # itself at the next byte or the next read timeout after the deadline.
    worker = threading.Thread(target=work, daemon=True, name="advisor")
    worker.start()
    worker.join(seconds + 0.5)
    if not box:
        raise Unavailable("advisor-timeout", f"the model gave no answer within {seconds:g} s")
    if isinstance(box[0], Unavailable):
        raise box[0]
    return box[0]


def _attempts(
    endpoint: str, key: str, request: dict[str, Any], may_drop_schema: bool, deadline: float
) -> Completion:
    try:
        import httpx2 as httpx
        import openai
    except ImportError:
        raise Unavailable(
            "advisor-not-installed", "the openai client is not installed (extra: advisor)"
        ) from None

    last = Unavailable("advisor-down", "the model's endpoint cannot be reached")
    waited = False
    for _ in range(MAX_ATTEMPTS):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        transport = _bounded(httpx, httpx.HTTPTransport(proxy=_proxy(endpoint)), deadline)
        with (
            httpx.Client(transport=transport, follow_redirects=False, timeout=left) as http,
            openai.OpenAI(
                api_key=key or "none", base_url=endpoint, max_retries=0, timeout=left, http_client=http
            ) as client,
        ):
            try:
                answer = client.chat.completions.with_raw_response.create(**request)
                return _read(answer.http_response.content)
            except openai.APIStatusError as error:
                last = _meaning(error.status_code)
                if error.status_code in (429, 503) and not waited:
                    waited, pause = True, _pause(error.response.headers.get("retry-after", ""))
                    if pause >= deadline - time.monotonic():
                        raise last from None
                    time.sleep(pause)
                    continue
                plainer = _plainer(request, error.response.text, may_drop_schema)
                if error.status_code not in (400, 422) or plainer is None:
                    raise last from None
                request = plainer
            except openai.APITimeoutError:
                raise Unavailable("advisor-timeout", "the model gave no answer in time") from None
            except openai.APIConnectionError as error:
                if isinstance(error.__cause__, Unavailable):
                    raise error.__cause__ from None
                raise Unavailable(
                    "advisor-down", "the model's endpoint cannot be reached or broke off"
                ) from None
            except openai.OpenAIError as error:
                raise Unavailable(
                    "advisor-fault", f"asking the model failed: {type(error).__name__}"
                ) from None
    raise last


def _proxy(endpoint: str) -> str | None:
    """The proxy that the environment names for this endpoint: a transport of our own must ask itself."""
    parts = urlsplit(endpoint)
    if parts.hostname in _LOOPBACK or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _meaning(status: int) -> Unavailable:
    if status in (401, 403):
        return Unavailable("advisor-key", f"the endpoint refused the key ({status})")
    if status in (429, 503):
        return Unavailable("advisor-busy", f"the endpoint is busy ({status})")
    return Unavailable("advisor-refused", f"the endpoint answered {status}")


def _pause(told: str) -> float:
    return float(told) if told.isascii() and told.isdigit() and len(told) < 6 else 1.0


def _plainer(request: dict[str, Any], refusal: str, may_drop_schema: bool) -> dict[str, Any] | None:
    """The request without what the endpoint does not understand; None when there is nothing to leave out.

    Dialects disagree on the name of the limit of tokens and on whether a temperature may be set; what is
    left is structured output, which endpoints without it name in many ways or not at all.
    """
    refusal = refusal.lower()
    for name in ("max_tokens", "temperature", "response_format"):
        fits = may_drop_schema if name == "response_format" else name in refusal
        if fits and name in request:
            rest = {key: value for key, value in request.items() if key != name}
            if name == "max_tokens":
                rest["max_completion_tokens"] = request["max_tokens"]
            return rest
    return None


def _read(body: bytes) -> Completion:
    try:
        reply = msgspec.json.decode(body, type=_Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unavailable("advisor-garbage", "the endpoint's answer is not a chat completion") from None
    if not reply.choices or not reply.choices[0].message.content:
        raise Unavailable("advisor-garbage", "the endpoint's answer holds no text")
    if reply.choices[0].finish_reason == "length":
        raise Unavailable("advisor-cut", "the model ran into the limit of tokens before it had finished")
    usage = reply.usage or _Usage()
    return Completion(
        reply.choices[0].message.content, max(usage.prompt_tokens, 0), max(usage.completion_tokens, 0)
    )


def _bounded(httpx: Any, inner: Any, deadline: float) -> Any:
    """A transport that stops a response at the byte limit, at the deadline, or when it is compressed."""

    class Stream(httpx.SyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for chunk in self.stream:
                size += len(chunk)
                if size > MAX_REPLY_BYTES:
                    raise Unavailable("advisor-garbage", f"the answer is larger than {MAX_REPLY_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise Unavailable("advisor-timeout", "the model gave no whole answer in time")
                yield chunk

        def close(self) -> None:
            self.stream.close()

    class Transport(httpx.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            request.headers["Accept-Encoding"] = "identity"
            response = inner.handle_request(request)
            if response.headers.get("content-encoding", "identity") != "identity":
                response.close()
                raise Unavailable(
                    "advisor-garbage", "the endpoint compressed its answer although told not to"
                )
            response.stream = Stream(response.stream)
            return response

        def close(self) -> None:
            inner.close()

    make: Callable[[], Any] = Transport
    return make()

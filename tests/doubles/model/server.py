"""The stand-in's HTTP side: `/v1/chat/completions` (also streamed), `/v1/models`, and broken wires."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .behaviours import BEHAVIOURS, Reply
from .script import Script, text_of

_CREATED = 1_767_225_600  # a fixed time: answers must not differ between runs


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """All that was said to the model."""
        return text_of(self.body)


class ModelDouble:
    """A running stand-in. Use as a context manager; `url` is the base URL that clients take."""

    def __init__(
        self, script: Script | Mapping[str, Any] | None = None, *, port: int = 0, log: Path | None = None
    ) -> None:
        self.script = script if isinstance(script, Script) else Script(script)
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._log = log
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>/v1`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def follow(self, script: Script | Mapping[str, Any]) -> None:
        """Go on with another script."""
        self.script = script if isinstance(script, Script) else Script(script)

    def remember(self, asked: Asked) -> None:
        """Keep a request, and write it to the log if there is one."""
        with self._lock:
            self.asked.append(asked)
            if self._log is not None:
                with self._log.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({"path": asked.path, "body": asked.body}) + "\n")

    def __enter__(self) -> ModelDouble:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go down: open connections are closed, the port answers no more. Safe to call twice."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._server.shutdown()
        self._server.stop()
        self._thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], double: ModelDouble) -> None:
        super().__init__(address, _Handler)
        self.double = double
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is nothing to report."""

    def stop(self) -> None:
        for request in list(self._open):
            self.shutdown_request(request)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            self._error(404, f"no such path: {self.path}")
            return
        models = [
            {"id": m, "object": "model", "created": _CREATED, "owned_by": "double"}
            for m in self._script.models
        ]
        self._json({"object": "list", "data": models})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw)
            assert isinstance(body["messages"], list)
            assert isinstance(body["model"], str)
        except (ValueError, KeyError, TypeError, AssertionError):
            self._error(400, "not a chat completion request")
            return
        double = self.server.double
        double.remember(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        if self.path != "/v1/chat/completions":
            self._error(404, f"no such path: {self.path}")
        elif self._script.key and self.headers.get("Authorization") != f"Bearer {self._script.key}":
            self._error(401, "wrong key")
        elif not self._script.structured and body.get("response_format"):
            self._error(400, "response_format is not supported by this model")
        else:
            rule = self._script.choose(body)
            self._send(BEHAVIOURS[rule["do"]](body, rule), body)

    @property
    def _script(self) -> Script:
        return self.server.double.script

    def _send(self, reply: Reply, body: Mapping[str, Any]) -> None:
        closing = self.server.double.closing
        if reply.wire in ("slow", "hang") and closing.wait(reply.seconds):
            return
        if reply.wire in ("drop", "hang"):
            self.close_connection = True
            return
        data = reply.body or self._completion(reply, body)
        stream = bool(body.get("stream")) and not reply.body
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/event-stream" if stream else reply.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.wire == "endless":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while not closing.is_set():
                self.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            return
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if reply.wire == "drip":
            for at in range(0, len(data), 16):
                self.wfile.write(data[at : at + 16])
                self.wfile.flush()
                if closing.wait(reply.seconds):
                    return
        elif reply.wire == "cut":
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            self.wfile.write(data)

    def _completion(self, reply: Reply, body: Mapping[str, Any]) -> bytes:
        asked, said = len(text_of(body)) // 4 + 1, len(reply.content) // 4 + 1
        usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        head = {"id": "chatcmpl-double", "created": _CREATED, "model": body["model"]}
        if not body.get("stream"):
            message = {"role": "assistant", "content": reply.content}
            choice = {"index": 0, "message": message, "finish_reason": reply.finish}
            return json.dumps(
                {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            ).encode()
        events = []
        pieces = [reply.content[at : at + 20] for at in range(0, len(reply.content), 20)]
        for number, piece in enumerate([*pieces, None]):
            delta = (
                {} if piece is None else {"content": piece, **({"role": "assistant"} if number == 0 else {})}
            )
            choice = {
                "index": 0,
                "delta": delta,
                "finish_reason": None if piece is not None else reply.finish,
            }
            events.append({**head, "object": "chat.completion.chunk", "choices": [choice]})
        events[-1]["usage"] = usage
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        return "".join([*lines, "data: [DONE]\n\n"]).encode()

    def _json(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _error(self, status: int, message: str) -> None:
        self._json({"error": {"message": message, "type": "invalid_request_error"}}, status)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: what was asked is in `asked`."""

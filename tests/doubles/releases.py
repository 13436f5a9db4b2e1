"""As much of GitHub's API as a release needs, on loopback: checks, tags, releases with their files."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class ReleasesDouble:
    """State: ``checks`` (conclusions by name), ``tags`` (name → commit), ``releases`` with ``files``.

    A release that was published is immutable, as the repository's setting makes it.
    """

    def __init__(self, head: str) -> None:
        self.head = head
        self.checks: list[dict[str, Any]] = []
        self.tags: dict[str, str] = {}
        self.releases: list[dict[str, Any]] = []
        self.fail_on = ""
        double = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                code, body = double.answer(self.command, self.path, data)
                text = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = _answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> ReleasesDouble:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def passed(self, conclusion: str | None = "success", app: str = "github-actions") -> None:
        """The required check has run."""
        self.checks.append({"name": "All passed", "conclusion": conclusion, "app": {"slug": app}})

    def answer(self, method: str, target: str, data: bytes) -> tuple[int, Any]:
        """One exchange."""
        url = urlsplit(target)
        path = re.sub(r"^/repos/[^/]+/[^/]+/", "", url.path)
        if self.fail_on and self.fail_on in f"{method} {path}":
            return 503, {"message": "Service Unavailable"}
        body = json.loads(data) if data[:1] == b"{" and not path.endswith("/assets") else {}
        match method, path.split("/"):
            case "GET", ["commits", _, "check-runs"]:
                return 200, {"total_count": len(self.checks), "check_runs": self.checks}
            case "GET", ["git", "ref", "heads", "main"]:
                return 200, {"ref": "refs/heads/main", "object": {"sha": self.head}}
            case "GET", ["compare", pair]:
                same = pair == f"{self.head}...{self.head}"
                return 200, {"status": "identical" if same else "diverged"}
            case "GET", ["git", "ref", "tags", name]:
                sha = self.tags.get(name)
                return (200, {"object": {"sha": sha}}) if sha else (404, {"message": "Not Found"})
            case "POST", ["git", "refs"]:
                self.tags[body["ref"].removeprefix("refs/tags/")] = body["sha"]
                return 201, {}
            case "PATCH", ["git", "refs", "tags", name]:
                self.tags[name] = body["sha"]
                return 200, {}
            case "POST", ["releases"]:
                made = {**body, "id": len(self.releases) + 1, "files": {}}
                made["upload_url"] = f"{self.url}/repos/o/r/releases/{made['id']}/assets{{?name,label}}"
                made["html_url"] = f"https://github.com/o/r/releases/tag/{body['tag_name']}"
                self.releases.append(made)
                return 201, made
            case "POST", ["releases", number, "assets"]:
                release = self.releases[int(number) - 1]
                if not release["draft"]:
                    return 422, {"message": "Cannot upload assets to an immutable release."}
                release["files"][parse_qs(url.query)["name"][0]] = data
                return 201, {}
            case "PATCH", ["releases", number]:
                release = self.releases[int(number) - 1]
                release |= body
                if not release["draft"]:
                    self.tags.setdefault(release["tag_name"], release["target_commitish"])
                return 200, {key: value for key, value in release.items() if key != "files"}
        return 404, {"message": "Not Found"}

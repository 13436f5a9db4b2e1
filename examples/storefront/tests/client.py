import http.client
import json
from contextlib import closing


def ask(server, method, path, body=None, headers=None):
    """Send one request; return (code, headers, body as JSON where it is JSON)."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)) as connection:
        connection.request(method, path, data, headers or {})
        response = connection.getresponse()
        raw = response.read()
    is_json = response.headers.get_content_type() == "application/json"
    return response.status, response.headers, json.loads(raw) if is_json else raw.decode()

"""The shop's requests, without the network: method, path and body in; code, type and body out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from storefront.cart import BadCart, read_cart
from storefront.catalogue import Catalogue, Product, UnknownProduct
from storefront.checkout import Checkout
from storefront.metrics import CONTENT_TYPE, Metrics
from storefront.payments import Declined, Timeout
from storefront.pricing import BadVoucher, PriceList, UnknownRegion

# Being looked at is not traffic: a probe every second would hide a failing shop among healthy probes.
UNCOUNTED = frozenset(("/", "/healthz", "/metrics"))
DASHBOARD = Path(__file__).parent / "dashboard.html"


@dataclass(frozen=True)
class Answer:
    """What is sent back. `route` is the pattern that matched: what metrics are labelled with."""

    code: int
    body: bytes
    route: str
    content_type: str = "application/json"


class Refused(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Shop:
    """Answers requests."""

    def __init__(self, catalogue: Catalogue, prices: PriceList, checkout: Checkout, metrics: Metrics) -> None:
        self._catalogue = catalogue
        self._prices = prices
        self._checkout = checkout
        self._metrics = metrics
        self._routes: dict[str, dict[str, Callable[[str, Mapping[str, list[str]], bytes], Any]]] = {
            "/products": {"GET": self._products},
            "/products/{sku}": {"GET": self._product},
            "/quote": {"POST": self._quote},
            "/checkout": {"POST": self._pay},
            "/healthz": {"GET": self._health},
        }
        for route, handlers in self._routes.items():
            for method in handlers if route not in UNCOUNTED else ():
                metrics.expect(method=method, route=route)

    @property
    def routes(self) -> frozenset[str]:
        """The routes that are the shop's contract (not the ones for looking at it)."""
        return frozenset(self._routes)

    def answer(self, method: str, target: str, body: bytes = b"") -> Answer:
        """Answer one request; never raises for what a client sent."""
        parts = urlsplit(target)
        if method == "GET" and parts.path == "/metrics":
            return Answer(200, self._metrics.render().encode(), "/metrics", CONTENT_TYPE)
        if method == "GET" and parts.path == "/":
            return Answer(200, self._dashboard().encode(), "/", "text/html; charset=utf-8")
        route, argument = _match(parts.path)
        handlers = self._routes.get(route)
        try:
            if handlers is None:
                raise Refused(404, "there is nothing at this path")
            if method not in handlers:
                raise Refused(405, f"{route} answers {', '.join(handlers)}")
            return Answer(200, _json(handlers[method](argument, parse_qs(parts.query), body)), route)
        except Refused as error:
            return Answer(error.code, _json({"error": str(error)}), route)

    def _products(self, _: str, query: Mapping[str, list[str]], __: bytes) -> Any:
        return {
            "products": [_product(product) for product in self._catalogue.search(query.get("q", [""])[0])]
        }

    def _product(self, sku: str, *_: object) -> Any:
        try:
            return _product(self._catalogue.find(sku))
        except UnknownProduct:
            raise Refused(404, f"no product {sku}") from None

    def _quote(self, _: str, __: Mapping[str, list[str]], body: bytes) -> Any:
        return self._priced(_object(body), lambda cart: self._prices.quote(cart).as_dict())

    def _pay(self, _: str, __: Mapping[str, list[str]], body: bytes) -> Any:
        request = _object(body)
        card = request.get("card")
        if not isinstance(card, str) or not card.startswith("tok_"):
            raise Refused(422, "card is a token that starts with tok_")
        try:
            return self._priced(request, lambda cart: self._checkout.pay(cart, card).as_dict())
        except Declined as error:
            raise Refused(402, str(error)) from None
        except Timeout as error:
            raise Refused(503, f"the payment provider did not answer: {error}") from None

    def _priced(self, request: Any, price: Callable[[Any], Any]) -> Any:
        try:
            return price(read_cart(request, self._catalogue))
        except UnknownProduct as error:
            raise Refused(422, f"no product {error}") from None
        except UnknownRegion as error:
            raise Refused(422, f"nothing is shipped to {error}") from None
        except (BadCart, BadVoucher) as error:
            raise Refused(422, str(error)) from None

    def _health(self, *_: object) -> Any:
        return {"status": "ok", "version": self._metrics.version}

    def _dashboard(self) -> str:
        total, failed, slow = self._metrics.totals()
        minutes, seconds = divmod(int(time.time() - self._metrics.started_at), 60)
        rows = "\n".join(
            "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in self._metrics.by_route()
        )
        return Template(DASHBOARD.read_text(encoding="utf-8")).substitute(
            version=escape(self._metrics.version),
            uptime=f"{minutes} min {seconds} s",
            requests=total,
            errors=failed,
            slow=slow,
            rows=rows,
        )


def _match(path: str) -> tuple[str, str]:
    """Return the route's pattern and its argument; an unknown path is one label, not a label of its own."""
    head, _, tail = path.strip("/").partition("/")
    if tail:
        return ("/products/{sku}", unquote(tail)) if head == "products" and "/" not in tail else ("other", "")
    return (f"/{head}", "") if head in ("products", "quote", "checkout", "healthz") else ("other", "")


def _object(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except ValueError:
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(request, dict):
        raise Refused(400, "the body is not a JSON object")
    return request


def _product(product: Product) -> dict[str, object]:
    return {"sku": product.sku, "name": product.name, "price": product.price}


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()

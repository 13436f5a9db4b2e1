import json

import pytest
from storefront.catalogue import Catalogue, UnknownProduct, shipped


def test_finds_a_product_by_its_sku():
    assert shipped().find("CLCK-01").name == "Station clock"


def test_an_unknown_sku_is_an_error_that_names_it():
    with pytest.raises(UnknownProduct, match="NOPE-99"):
        shipped().find("NOPE-99")


@pytest.mark.parametrize(
    ("text", "skus"),
    [("lamp", ["LAMP-01"]), ("  LAMP ", ["LAMP-01"]), ("station", ["CLCK-01", "CAPP-01"]), ("zeppelin", [])],
)
def test_search_looks_into_names_whatever_the_case(text, skus):
    assert [product.sku for product in shipped().search(text)] == skus


def test_an_empty_search_is_the_whole_catalogue():
    assert len(shipped().search()) == len({product.sku for product in shipped().search()}) > 10


def test_every_product_costs_and_weighs_something():
    assert all(product.price > 0 and product.weight > 0 for product in shipped().search())


def test_two_products_with_one_sku_are_refused(tmp_path):
    row = {"sku": "A", "name": "a", "price": 1, "weight": 1, "tax_class": "standard"}
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps({"products": [row, row]}))
    with pytest.raises(ValueError, match="share one sku"):
        Catalogue.read(file)

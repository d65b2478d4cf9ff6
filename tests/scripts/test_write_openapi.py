"""docs/openapi.json describes every route."""

from __future__ import annotations

import pytest

from scripts.route_inputs import ROUTES
from scripts.write_openapi import FILE, as_text, build_document
from tests.support.product import Product


@pytest.mark.shares_product
def test_the_document_describes_each_route_as_it_is_now(product: Product) -> None:
    """If this fails: add the route to scripts/route_inputs.py, then `make openapi`."""
    endpoints = {rule.endpoint for rule in product.app.url_map.iter_rules()}
    assert endpoints == ROUTES.keys()
    assert FILE.read_text() == as_text(build_document(product.app))

"""Fixtures for the tests that run in one process, patched by gevent like the real workers are:
those in tests/ and those in the folders of tool services.

The app runs in them for real with the notes service and a scripted model, each an HTTP server on
loopback. Alice owns what a test is about; Mallory is signed in too, and an outsider.

With `--engines` the app has a real PostgreSQL and a real Valkey instead of what is embedded, and
only the tests run that are marked `engines`.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata

from gevent import monkey

# As in gunicorn.conf.py.
metadata.entry_points = cache(metadata.entry_points)  # type: ignore[assignment]
monkey.patch_all()

import gc  # noqa: E402
import os  # noqa: E402
from pathlib import Path  # noqa: E402

# Whatever domain the checkout's own `.env` names, these tests are about the product as it comes, or
# about the engine alone where its services have been taken away.
_services = Path(__file__).parent / "tool_services"
if all(each.parent.name == "framework" for each in _services.glob("*/service.py")):
    _services = Path(__file__).parent / "tests" / "support"
os.environ["TOOL_SERVICES_FOLDER"] = str(_services)

# Until all is imported and collected, which takes a quarter less CPU so.
gc.disable()

from collections.abc import Callable, Iterator, Mapping  # noqa: E402
from uuid import uuid4  # noqa: E402

import hypothesis  # noqa: E402
import pytest  # noqa: E402

from tests.support.engines import Engines  # noqa: E402
from tests.support.product import NOTES, Person, Product, ServiceFactory  # noqa: E402
from tests.support.scripted_model import ScriptedModel  # noqa: E402

# The same examples on every machine, so that a red run can be had again.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def no_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each app's client of the model would read in all the authorities that this machine trusts,
    which takes as long as a short test; nobody here has to show a certificate to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("no-authorities")))
        yield


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Iterator[ScriptedModel]:
    if shares_product(request):
        scripted: ScriptedModel = request.getfixturevalue("shared_model")
        scripted.reset()
        yield scripted
        return
    with ScriptedModel() as scripted:
        yield scripted


def shares_product(request: pytest.FixtureRequest) -> bool:
    """Whether the test changes nothing but what belongs to its own people. Then it has the same
    product as all such tests of its file: to start one takes longer than most tests."""
    marked = request.node.get_closest_marker
    return marked("shares_product") is not None and marked("own_product") is None


@pytest.fixture(scope="module")
def shared_model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def product_settings() -> dict[str, object]:
    """What the products of a file have other settings for; a file may say its own."""
    return {}


@pytest.fixture(scope="module")
def product_services() -> Mapping[str, ServiceFactory]:
    """The tool services of a file's products; a file may say its own."""
    return NOTES


@pytest.fixture(scope="module")
def shared_product(
    tmp_path_factory: pytest.TempPathFactory,
    shared_model: ScriptedModel,
    product_settings: dict[str, object],
    product_services: Mapping[str, ServiceFactory],
    engines: Engines | None,
) -> Iterator[Product]:
    real = engines.emptied("shared") if engines is not None else {}
    # Each test counts for the same address.
    names = ("sign_up_limit", "sign_in_limit", "reset_limit")
    settings = real | dict.fromkeys(names, "100000 per hour") | product_settings
    folder = tmp_path_factory.mktemp("shared")
    product = Product(folder, shared_model.base_url, settings, product_services)
    yield product
    product.stop()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engines", action="store_true", help="on PostgreSQL and Valkey")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the tests that the real engines have to pass, or else those that they need not be
    there for."""
    if config.getoption("engines"):
        wanted = [item for item in items if item.get_closest_marker("engines")]
    else:
        wanted = [item for item in items if not item.get_closest_marker("only_engines")]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported by now stays to the end: the garbage collector need not go through it again
    and again, which took a ninth of the whole time. What tests leave behind it finds as before.
    (The little garbage that there is by now stays, too: to find it would take 0.2 s.)"""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def engines(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engines | None]:
    if not request.config.getoption("engines"):
        yield None
        return
    with Engines(tmp_path_factory.mktemp("engines")) as real:
        yield real


@pytest.fixture(scope="session")
def real_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """For what is about the engines, in a run without `--engines`."""
    with Engines(tmp_path_factory.mktemp("real-engines")) as real:
        yield real


@pytest.fixture
def start(
    tmp_path: Path, model: ScriptedModel, engines: Engines | None
) -> Iterator[Callable[..., Product]]:
    """Start the product with settings of the test's own (keyword arguments of Settings)."""
    started: list[Product] = []
    real = engines.emptied("own") if engines is not None else {}

    def begin(services: Mapping[str, ServiceFactory] = NOTES, **settings: object) -> Product:
        product = Product(tmp_path, model.base_url, {**real, **settings}, services)
        started.append(product)
        return product

    yield begin
    for product in started:
        product.stop()


@pytest.fixture
def product(
    request: pytest.FixtureRequest,
    product_settings: dict[str, object],
    product_services: Mapping[str, ServiceFactory],
) -> Iterator[Product]:
    if not shares_product(request):
        begin: Callable[..., Product] = request.getfixturevalue("start")
        yield begin(product_services, **product_settings)
        return
    model: ScriptedModel = request.getfixturevalue("model")
    shared: Product = request.getfixturevalue("shared_product")
    yield shared
    model.reset()
    shared.become_idle()


@pytest.fixture
def alice(request: pytest.FixtureRequest, product: Product) -> Person:
    return somebody(request, product, "Alice")


@pytest.fixture
def mallory(request: pytest.FixtureRequest, product: Product) -> Person:
    return somebody(request, product, "Mallory")


def somebody(request: pytest.FixtureRequest, product: Product, name: str) -> Person:
    """Sign up a person of the test's own."""
    if not shares_product(request):
        return product.sign_up(name)
    return product.sign_up(name, f"{name.lower()}-{uuid4().hex}@example.com")

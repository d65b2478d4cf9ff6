"""A few homes, what the tools answer from them, and conversations with the demo model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo_model.config import TOOL_SERVICES
from demo_model.phrasebook import load_library
from tests.demo_model import talking
from tests.demo_model.talking import Answer, Domain, function_of, tools_of
from tool_services import all_services

HOMES: list[tuple[Any, ...]] = [
    ("L001", "123 Oak Street", "Portland", "OR", 825000, 3, 2, "Active"),
    ("L004", "321 Cedar Lane", "Portland", "OR", 650000, 2, 2, "Pending"),
    ("L005", "654 Birch Way", "Seattle", "WA", 950000, 3, 2.5, "Active"),
    ("L006", "987 Elm Court", "Portland", "OR", 1100000, 4, 3, "Sold"),
    ("L008", "258 Willow Place", "Portland", "OR", 575000, 3, 1.5, "Active"),
]
FIELDS = ("listingId", "address", "city", "state", "price", "bedrooms", "bathrooms", "status")
LISTINGS: list[dict[str, Any]] = [dict(zip(FIELDS, home, strict=True)) for home in HOMES]


def find_listings(arguments: dict[str, Any]) -> Any:
    found = [
        home
        for home in LISTINGS
        if arguments.get("city", home["city"]) == home["city"]
        and arguments.get("state", home["state"]) == home["state"]
        and arguments.get("status", home["status"]) == home["status"]
        and arguments.get("minBedrooms", 0) <= home["bedrooms"]
        and arguments.get("maxPrice", home["price"]) >= home["price"]
    ]
    return {"total": len(found), "listings": found}


def get_listing(arguments: dict[str, Any]) -> Any:
    home = next((each for each in LISTINGS if each["listingId"] == arguments["listingId"]), {})
    return {
        **home,
        **arguments,
        "description": "A porch and a pear tree.",
        "onMarketDate": "2026-01-31",
    }


def figures(listing_id: str) -> dict[str, Any]:
    number = int(listing_id[1:])
    return {
        "listingId": listing_id,
        "pageViews": 1250 + number,
        "saves": 45,
        "inquiries": 12,
        "daysOnMarket": 15,
        "clickThroughPercent": 3.4,
        "conversionPercent": 9 + number / 10,
        "lastUpdated": "2024-01-15T10:30:00Z",
    }


def listing_metrics(arguments: dict[str, Any]) -> Any:
    return {"metrics": [figures(listing_id) for listing_id in arguments["listingIds"]]}


def market_analysis(arguments: dict[str, Any]) -> Any:
    return {
        "area": arguments["area"],
        "averagePrice": 785000,
        "priceChangePercent": 8.5,
        "averageDaysOnMarket": 22,
        "totalListings": 156,
        "soldListings": 89,
        "pendingListings": 34,
        "competitionLevel": "High",
        "trends": {"priceDirection": "Up", "marketActivity": "Hot"},
    }


def performance_report(arguments: dict[str, Any]) -> Any:
    homes = [home for home in LISTINGS if home["listingId"] in arguments["listingIds"]]
    return {
        "summary": {
            "totalViews": 2140,
            "totalInquiries": 20,
            "averageDaysOnMarket": 19.5,
            "topPerformer": {
                "listingId": "L001",
                "conversionPercent": 9.6,
                "address": "123 Oak St",
            },
            "recommendations": ["Lower the price of L004", "Add photographs"],
        },
        "listings": [{**home, "metrics": figures(home["listingId"])} for home in homes],
    }


def send_report(arguments: dict[str, Any]) -> Any:
    return {"sent": False, **arguments, "delivery": "outbox"}


ANSWERS: dict[str, Answer] = {
    "findListings": find_listings,
    "getListing": get_listing,
    "sendListingReport": send_report,
    "getListingMetrics": listing_metrics,
    "getMarketAnalysis": market_analysis,
    "generatePerformanceReport": performance_report,
}

SERVICES = map(all_services.service, ("listings", "analytics"))
HOMES_TOOLS = [tool for service in SERVICES for tool in tools_of(service)]
HOMES_DOMAIN = Domain(load_library(TOOL_SERVICES), tuple(map(function_of, HOMES_TOOLS)), ANSWERS)


@dataclass
class Talk(talking.Talk):
    """A conversation about homes."""

    domain: Domain = HOMES_DOMAIN

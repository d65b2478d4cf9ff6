"""Natural questions about homes, written before the phrases were, and what each should lead to."""

from __future__ import annotations

from tests.demo_model.talking import ANN, Case, call

SEARCH = "Find me 3-bedroom homes in Portland under $900,000"
FOUND = {"city": "Portland", "minBedrooms": 3, "maxPrice": 900000}


def find(**arguments: object) -> tuple[str, dict[str, object]]:
    return call("findListings", **arguments)


def market(area: str) -> tuple[str, dict[str, object]]:
    return call("getMarketAnalysis", area=area)


def metrics(*ids: str) -> tuple[str, dict[str, object]]:
    return call("getListingMetrics", listingIds=list(ids))


def report(*ids: str) -> tuple[str, dict[str, object]]:
    return call("generatePerformanceReport", listingIds=list(ids))


def send(recipient: str, *ids: str) -> tuple[str, dict[str, object]]:
    return call("sendListingReport", listingIds=list(ids), recipientEmail=recipient)


QUESTIONS = (
    Case(SEARCH, [find(**FOUND)], "**2 homes**"),
    Case("hey", [], "demo model"),
    Case("whats the cheapest house in seattle", [find(city="Seattle", sort="cheapest")]),
    Case("condos in Portland", [find(city="Portland", propertyType="Condo")]),
    Case(
        "show me condos under half a million in portland",
        [find(city="Portland", propertyType="Condo", maxPrice=500000)],
    ),
    Case(
        "3 bed hoems in Portlnad with a garden",
        [find(city="Portland", minBedrooms=3, query="garden")],
    ),
    Case("anything bigger?", [find(**{**FOUND, "minBedrooms": 4})], after=(SEARCH,)),
    Case("cheaper please", [find(**{**FOUND, "maxPrice": 720000})], after=(SEARCH,)),
    Case("and in Seattle?", [find(**{**FOUND, "city": "Seattle"})], after=(SEARCH,)),
    Case("only with 4 bedrooms", [find(**{**FOUND, "minBedrooms": 4})], after=(SEARCH,)),
    Case("send these to me", [send(ANN, "L001", "L008")], "your outbox", after=(SEARCH,)),
    Case("how is L001 doing", [metrics("L001")]),
    Case("whats the market like in bellevue", [market("Bellevue")]),
    Case("performance report for L001, L003 and L009", [report("L001", "L003", "L009")]),
    Case(
        "are there any townhouses for sale in Portland?",
        [find(city="Portland", propertyType="Townhouse", status="Active")],
    ),
    Case(
        "I'm looking for a family home with at least four bedrooms and two bathrooms in Redmond",
        [find(city="Redmond", minBedrooms=4, minBathrooms=2)],
    ),
    Case("newest listings in Kirkland", [find(city="Kirkland", sort="newest")]),
    Case("most expensive home in Bellevue?", [find(city="Bellevue", sort="dearest")]),
    Case(
        "houses between 500k and 700k in Portland",
        [find(city="Portland", minPrice=500000, maxPrice=700000)],
    ),
    Case("which homes have a view of the bay?", [find(query="view of the bay")]),
    Case("how are they doing?", [metrics("L001", "L008")], after=(SEARCH,)),
    Case(
        "tell me more about the second one", [call("getListing", listingId="L008")], after=(SEARCH,)
    ),
    Case("email L001 and L002 to bob@example.com", [send("bob@example.com", "L001", "L002")]),
    Case("is seattle or portland more expensive?", [market("Seattle"), market("Portland")]),
    Case("what can you do?", [], "Find me 3-bedroom homes"),
    Case("what's the weather in Portland?", [], "can't"),
    Case("thanks a lot!", [], "welcome"),
    Case("book me a viewing for L005", [], "can't"),
    Case(
        "busca casas en Portland con 3 habitaciones",
        [find(city="Portland", minBedrooms=3)],
        "casas",
    ),
    Case(
        "pending homes in Oregon with 2+ baths",
        [find(state="OR", status="Pending", minBathrooms=2)],
    ),
)

HELD_OUT = (
    Case(
        "any apartments in Seattle below 800k?",
        [find(city="Seattle", propertyType="Condo", maxPrice=800000)],
    ),
    Case("looking for somthing with a porch in Portland", [find(city="Portland", query="porch")]),
    Case("what about 2 bedrooms?", [find(**{**FOUND, "minBedrooms": 2})], after=(SEARCH,)),
    Case("How much do homes cost in Redmond on average?", [market("Redmond")]),
    Case(
        "email the cheapest one to bob@example.com",
        [send("bob@example.com", "L008")],
        after=(SEARCH,),
    ),
    Case("land in Oregon", [find(state="OR", propertyType="Land")]),
    Case("give me the stats of L002 and L004", [metrics("L002", "L004")]),
    Case("good morning", [], "demo model"),
    Case("write me a poem", [], "can't"),
    Case("¿Cómo está el mercado en Seattle?", [market("Seattle")], "mercado"),
)

GERMAN_SEARCH = "Finde Häuser in Portland mit 3 Zimmern unter 900.000 $"
GERMAN = (
    Case(GERMAN_SEARCH, [find(**FOUND)], "**2 Häuser** in Portland mit mindestens 3 Zimmern"),
    Case("Zeig mir Wohnungen in Seattle", [find(city="Seattle", propertyType="Condo")]),
    Case(
        "Was ist das günstigste Haus in Portland?",
        [find(city="Portland", sort="cheapest")],
        "Das günstigste: **L008**",
    ),
    Case(
        "Ich suche ein Haus in Redmond mit mindestens vier Zimmern und zwei Bädern",
        [find(city="Redmond", minBedrooms=4, minBathrooms=2)],
        "**kein Haus**",
    ),
    Case("Und in Seattle?", [find(**{**FOUND, "city": "Seattle"})], after=(GERMAN_SEARCH,)),
    Case("günstiger bitte", [find(**{**FOUND, "maxPrice": 720000})], after=(GERMAN_SEARCH,)),
    Case("Wie laufen diese?", [metrics("L001", "L008")], "am besten", after=(GERMAN_SEARCH,)),
    Case("Erzähl mir mehr über L001", [call("getListing", listingId="L001")], "Oak Street"),
    Case("Wie ist der Markt in Bellevue?", [market("Bellevue")], "kosten im Durchschnitt"),
    Case("Bericht über L001 und L003", [report("L001", "L003")]),
    Case("Schick mir diese", [send(ANN, "L001", "L008")], "Postausgang", after=(GERMAN_SEARCH,)),
    Case("Danke!", [], "Gern"),
    Case("Was kannst du?", [], "zum Beispiel"),
)

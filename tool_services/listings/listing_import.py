"""The CSV format of listings, in the names of the RESO Data Dictionary, as an MLS exports them.

`flask --app tool_services.listings.app import FILE.csv` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.functional_validators import AfterValidator

from tool_services.framework.csv_import import CsvFormat, upsert
from tool_services.listings.models import (
    Area,
    Listing,
    ListingHistory,
    PropertyType,
    Status,
    city_key,
    db,
)
from tool_services.listings.us_states import state_code

_STATUSES = {"closed": "Sold", "active under contract": "Pending", "coming soon": "Active"}
_PROPERTY_TYPES = {
    "residential": "House",
    "single family residence": "House",
    "single family": "House",
    "cabin": "House",
    "farm": "House",
    "condominium": "Condo",
    "apartment": "Condo",
    "loft": "Condo",
    "stock cooperative": "Condo",
    "duplex": "Multi-family",
    "triplex": "Multi-family",
    "quadruplex": "Multi-family",
    "multi family": "Multi-family",
    "residential income": "Multi-family",
    "manufactured home": "Manufactured",
    "manufactured in park": "Manufactured",
    "mobile home": "Manufactured",
    "unimproved land": "Land",
}
MAX_PRICE = 1_000_000_000_000


def _status(value: Any) -> Any:
    return _STATUSES.get(str(value).strip().casefold(), str(value).strip().capitalize())


def _property_type(value: Any) -> Any:
    text = str(value).strip()
    return _PROPERTY_TYPES.get(text.casefold(), text.capitalize())


def _number(value: Any) -> Any:
    """Return "$1,250,000" as "1250000"."""
    return value.replace(",", "").strip().lstrip("$") if isinstance(value, str) else value


def _whole_dollars(value: Any) -> Any:
    number = _number(value)
    return number.partition(".")[0] if isinstance(number, str) else number


def _day(value: Any) -> Any:
    """Return the date of a date, or of a date with a time."""
    return value.strip()[:10] if isinstance(value, str) else value


Words = Annotated[str, Field(min_length=1, max_length=200)]


class ListingRow(BaseModel):
    """One line of the file. Columns with other names are ignored."""

    model_config = ConfigDict(str_strip_whitespace=True)

    ListingId: Annotated[
        str,
        AfterValidator(str.upper),
        Field(
            min_length=1, max_length=40, validation_alias=AliasChoices("ListingId", "ListingKey")
        ),
    ]
    StreetAddress: Annotated[
        Words, Field(validation_alias=AliasChoices("StreetAddress", "UnparsedAddress"))
    ]
    City: Words
    StateOrProvince: Annotated[Words, AfterValidator(state_code)]
    PostalCode: Annotated[str, Field(min_length=1, max_length=20)]
    ListPrice: Annotated[int, BeforeValidator(_whole_dollars), Field(gt=0, le=MAX_PRICE)]
    BedroomsTotal: Annotated[int, BeforeValidator(_number), Field(ge=0, le=100)]
    BathroomsTotal: Annotated[
        float,
        BeforeValidator(_number),
        Field(
            ge=0,
            le=100,
            validation_alias=AliasChoices(
                "BathroomsTotal", "BathroomsTotalDecimal", "BathroomsTotalInteger"
            ),
        ),
    ]
    StandardStatus: Annotated[Status, BeforeValidator(_status)]
    PropertyType: Annotated[
        PropertyType,
        BeforeValidator(_property_type),
        Field(validation_alias=AliasChoices("PropertySubType", "PropertyType")),
    ] = "House"
    PublicRemarks: Annotated[str, Field(max_length=5_000)] = ""
    OnMarketDate: Annotated[
        date,
        BeforeValidator(_day),
        Field(validation_alias=AliasChoices("OnMarketDate", "ListingContractDate")),
    ] = Field(default_factory=lambda: datetime.now(UTC).date())
    DaysOnMarket: Annotated[int, BeforeValidator(_number), Field(ge=0, le=36_500)] | None = None

    def columns(self) -> dict[str, Any]:
        """Return the values of the tables' columns."""
        days = self.DaysOnMarket
        if days is None:
            days = max((datetime.now(UTC).date() - self.OnMarketDate).days, 0)
        return {**self.model_dump(), "CityKey": city_key(self.City), "DaysOnMarket": days}


def _read_line(line: Mapping[str, str]) -> ListingRow:
    return ListingRow.model_validate({name: value for name, value in line.items() if value.strip()})


def _store(rows: Sequence[ListingRow]) -> None:
    """Insert the listings, or replace all that is known of them."""
    values = [row.columns() for row in rows]
    upsert(db, Listing, ("ListingId",), values)
    upsert(db, ListingHistory, ("ListingId",), values)
    upsert(db, Area, ("CityKey", "StateOrProvince"), values)


LISTINGS_CSV: CsvFormat[ListingRow] = CsvFormat(
    description="listings in the names of the RESO Data Dictionary",
    required=(
        ("ListingId", "ListingKey"),
        ("StreetAddress", "UnparsedAddress"),
        ("City",),
        ("StateOrProvince",),
        ("PostalCode",),
        ("ListPrice",),
        ("BedroomsTotal",),
        ("BathroomsTotal", "BathroomsTotalDecimal", "BathroomsTotalInteger"),
        ("StandardStatus",),
    ),
    read_line=_read_line,
    store=_store,
)

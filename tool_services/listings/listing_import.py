"""`flask --app tool_services.listings import FILE.csv`: listings in the names of the RESO Data
Dictionary, as a multiple listing service exports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from flask import Flask
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.functional_validators import AfterValidator

from tool_services.framework.csv_import import Reader, Store, add_import_command, upsert
from tool_services.listings.home import PropertyType, Status
from tool_services.listings.models import Area, Listing, ListingHistory, city_key, db
from tool_services.listings.us_states import state_code

_STATUSES = {"closed": "Sold", "active under contract": "Pending", "coming soon": "Active"}
_TYPES = {
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
LARGEST_PRICE = 1_000_000_000_000


def _status(value: Any) -> Any:
    return _STATUSES.get(str(value).strip().casefold(), str(value).strip().capitalize())


def _kind(value: Any) -> Any:
    text = str(value).strip()
    return _TYPES.get(text.casefold(), text.capitalize())


def _number(value: Any) -> Any:
    """A number without what people put around it: "$1,250,000" is 1250000."""
    return value.replace(",", "").strip().lstrip("$") if isinstance(value, str) else value


def _dollars(value: Any) -> Any:
    number = _number(value)
    return number.partition(".")[0] if isinstance(number, str) else number


def _day(value: Any) -> Any:
    """The day of a date, or of a moment with its time."""
    return value.strip()[:10] if isinstance(value, str) else value


Words = Annotated[str, Field(min_length=1, max_length=200)]


class Row(BaseModel):
    """One line of the file; a column that isn't named here is left alone."""

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
    ListPrice: Annotated[int, BeforeValidator(_dollars), Field(gt=0, le=LARGEST_PRICE)]
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
        BeforeValidator(_kind),
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
        return {**self.model_dump(), "CityKey": city_key(self.City)}


def _store(rows: Sequence[Row]) -> None:
    """Write a batch. Whatever was known of its listings is replaced."""
    today = datetime.now(UTC).date()
    values = [row.columns() for row in rows]
    for row in values:
        if row["DaysOnMarket"] is None:
            row["DaysOnMarket"] = max((today - row["OnMarketDate"]).days, 0)
    upsert(db, Listing, ("ListingId",), values)
    upsert(db, ListingHistory, ("ListingId",), values)
    upsert(db, Area, ("CityKey", "StateOrProvince"), values)


def _read(line: Mapping[str, str]) -> Row:
    return Row.model_validate({name: value for name, value in line.items() if value.strip()})


def add_listings_import(app: Flask) -> None:
    required = (
        ("ListingId", "ListingKey"),
        ("StreetAddress", "UnparsedAddress"),
        ("City",),
        ("StateOrProvince",),
        ("PostalCode",),
        ("ListPrice",),
        ("BedroomsTotal",),
        ("BathroomsTotal", "BathroomsTotalDecimal", "BathroomsTotalInteger"),
        ("StandardStatus",),
    )
    reader: Reader[Row] = Reader(required, _read)
    store: Store[Row] = _store
    add_import_command(app, db, reader, store, "listings in the names of the RESO Data Dictionary")

"""Time-zone names as Exchange takes them: every Windows name and a fixed list of IANA names, nothing else. Pure.

https://learn.microsoft.com/graph/api/resources/datetimetimezone
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

from fieldcal.embedded.exchange.errors import zone_not_supported

_LISTED = """
Etc/GMT+12 Etc/GMT+11 Pacific/Honolulu America/Anchorage America/Santa_Isabel America/Los_Angeles America/Phoenix
America/Chihuahua America/Denver America/Guatemala America/Chicago America/Mexico_City America/Regina America/Bogota
America/New_York America/Indiana/Indianapolis America/Caracas America/Asuncion America/Halifax America/Cuiaba
America/La_Paz America/Santiago America/St_Johns America/Sao_Paulo America/Argentina/Buenos_Aires America/Cayenne
America/Godthab America/Montevideo America/Bahia Etc/GMT+2 Atlantic/Azores Atlantic/Cape_Verde Africa/Casablanca
Etc/GMT Europe/London Atlantic/Reykjavik Europe/Berlin Europe/Budapest Europe/Paris Europe/Warsaw Africa/Lagos
Africa/Windhoek Europe/Bucharest Asia/Beirut Africa/Cairo Asia/Damascus Africa/Johannesburg Europe/Kyiv Europe/Kiev
Europe/Istanbul Asia/Jerusalem Asia/Amman Asia/Baghdad Europe/Kaliningrad Asia/Riyadh Africa/Nairobi Asia/Tehran
Asia/Dubai Asia/Baku Europe/Moscow Indian/Mauritius Asia/Tbilisi Asia/Yerevan Asia/Kabul Asia/Karachi Asia/Tashkent
Asia/Kolkata Asia/Colombo Asia/Kathmandu Asia/Almaty Asia/Dhaka Asia/Yekaterinburg Asia/Yangon Asia/Rangoon
Asia/Bangkok Asia/Novosibirsk Asia/Shanghai Asia/Krasnoyarsk Asia/Singapore Australia/Perth Asia/Taipei
Asia/Ulaanbaatar Asia/Irkutsk Asia/Tokyo Asia/Seoul Australia/Adelaide Australia/Darwin Australia/Brisbane
Australia/Sydney Pacific/Port_Moresby Australia/Hobart Asia/Yakutsk Pacific/Guadalcanal Asia/Vladivostok
Pacific/Auckland Etc/GMT-12 Pacific/Fiji Asia/Magadan Pacific/Tongatapu Pacific/Apia Pacific/Kiritimati
"""
_UTC = {"utc", "tzone://microsoft/utc"}
_WINDOWS = {name.casefold(): iana for name, iana in win_tz.items()}
_IANA = frozenset(_LISTED.split())
#: seven digits, as Exchange writes the fraction of a second
_TICKS = 7


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises TimeZoneNotSupportedException for a name that Exchange does not take."""
    folded = name.casefold()
    if folded in _UTC:
        return ZoneInfo("UTC")
    iana = _WINDOWS.get(folded) or (name if name in _IANA else None)
    if iana is None:
        raise zone_not_supported(name)
    return ZoneInfo(iana)


def is_utc(name: str) -> bool:
    return name.casefold() in _UTC


def stamp(moment: datetime) -> str:
    """`moment` (aware) in UTC with seven fraction digits and no offset; such texts sort as instants do."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "0"


def instant(text: str) -> datetime:
    """The aware instant of a `stamp`."""
    return datetime.fromisoformat(text[:26]).replace(tzinfo=UTC)


def ticks(fraction: str) -> str:
    return fraction[:_TICKS].ljust(_TICKS, "0")

"""Zones of the packed data, where the machine has none."""

import zoneinfo
from datetime import datetime
from importlib.metadata import version

import pytz


def main():
    zoneinfo.reset_tzpath(to=[])
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    assert datetime(2024, 7, 1, 12, tzinfo=zone).utcoffset().total_seconds() == 7200
    assert datetime(2024, 1, 1, 12, tzinfo=zone).tzname() == "CET"
    assert len(zoneinfo.available_timezones()) > 500
    assert pytz.timezone("Asia/Tokyo").localize(datetime(2024, 1, 1)).utcoffset().total_seconds() == 32400
    assert len(pytz.all_timezones) > 500 and version("tzdata")
    print("as expected")

"""Dates read and repeated, with its own archive of zones."""

from datetime import datetime

from dateutil import parser, rrule, tz
from dateutil.zoneinfo import get_zonefile_instance


def main():
    assert parser.parse("3rd of May 2001 at 5pm") == datetime(2001, 5, 3, 17)
    days = list(rrule.rrule(rrule.MONTHLY, byweekday=rrule.FR(-1), count=2, dtstart=datetime(2024, 1, 1)))
    assert days == [datetime(2024, 1, 26), datetime(2024, 2, 23)]
    berlin = get_zonefile_instance().get("Europe/Berlin")
    assert datetime(2024, 7, 1, tzinfo=berlin).utcoffset().total_seconds() == 7200
    assert tz.gettz("Europe/Berlin") is not None
    print("as expected")

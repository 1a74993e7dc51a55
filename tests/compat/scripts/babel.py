"""Dates, numbers and names from locale data; a catalogue of messages compiled."""

import io
from datetime import date

from babel import Locale, dates, localedata, numbers
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from babel.support import Translations


def main():
    assert dates.format_date(date(2024, 3, 1), "full", locale="de") == "Freitag, 1. März 2024"
    assert numbers.format_currency(1234.5, "EUR", locale="fr") == "1\u202f234,50\xa0€"
    assert Locale("ja").get_display_name("en") == "Japanese"
    assert len(localedata.locale_identifiers()) > 500
    catalogue = read_po(io.StringIO('msgid ""\nmsgstr ""\n"Language: de\\n"\n\nmsgid "yes"\nmsgstr "ja"\n'))
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    assert Translations(compiled).gettext("yes") == "ja"
    print("as expected")

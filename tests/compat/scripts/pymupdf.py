"""A PDF written, searched and turned into a picture"""

import pymupdf


def main():
    document = pymupdf.open()
    document.new_page(width=200, height=100).insert_text((20, 50), "Hello page")
    document.save("a.pdf")
    page = pymupdf.open("a.pdf")[0]
    assert page.get_text().strip() == "Hello page" and len(page.search_for("Hello")) == 1
    picture = page.get_pixmap()
    assert (picture.width, picture.height) == (200, 100) and min(picture.samples) < 100
    print("as expected")

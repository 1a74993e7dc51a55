"""A PDF taken apart and mended by the vendored qpdf"""

import pikepdf


def main():
    with pikepdf.new() as document:
        for _ in range(3):
            document.add_blank_page(page_size=(100, 200))
        del document.pages[0]
        document.save("a.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    with pikepdf.open("a.pdf", password="u") as document:
        assert len(document.pages) == 2 and document.is_encrypted
    try:
        pikepdf.open("a.pdf", password="x")
    except pikepdf.PasswordError:
        print("as expected")

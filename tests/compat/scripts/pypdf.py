"""Pages joined, turned, encrypted and read."""

from pypdf import PageObject, PdfReader, PdfWriter


def main():
    writer = PdfWriter()
    writer.add_page(PageObject.create_blank_page(width=200, height=100))
    writer.add_page(PageObject.create_blank_page(width=50, height=50)).rotate(90)
    writer.add_metadata({"/Title": "Blank"})
    writer.encrypt("secret", algorithm="AES-256")
    writer.write("a.pdf")
    reader = PdfReader("a.pdf")
    assert reader.is_encrypted and reader.decrypt("wrong") == 0 and reader.decrypt("secret") > 0
    assert len(reader.pages) == 2 and reader.pages[1].rotation == 90 and reader.metadata.title == "Blank"
    print("as expected")

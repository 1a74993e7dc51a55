"""A PDF with a table, a packed font and a bar code, read again by pypdf."""

import reportlab
from pypdf import PdfReader
from reportlab.graphics.barcode import code128
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table


def main():
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    style = getSampleStyleSheet()["Title"]
    style.fontName = "Vera"
    parts = [Paragraph("Rechnung für Ann", style), Table([["a", "1"], ["b", "2"]]), code128.Code128("12345")]
    SimpleDocTemplate("a.pdf", title="Invoice").build(parts)
    reader = PdfReader("a.pdf")
    assert "Rechnung für Ann" in reader.pages[0].extract_text()
    assert reader.metadata.title == "Invoice" and reportlab.__version__
    print("as expected")

"""XPath, XSLT, a schema, broken HTML, a catalogue of errors."""

from lxml import etree, html, isoschematron, objectify


def main():
    tree = etree.fromstring("<a xmlns:x='urn:x'><b n='1'/><x:b n='2'/></a>")
    assert tree.xpath("//x:b/@n", namespaces={"x": "urn:x"}) == ["2"]
    sheet = etree.XSLT(
        etree.XML(
            "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"
            "<xsl:template match='/'><out><xsl:value-of select='count(//@n)'/></out></xsl:template></xsl:stylesheet>"
        )
    )
    assert sheet(tree).getroot().text == "2"
    schema = etree.XMLSchema(
        etree.XML(
            "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:element name='n' type='xs:int'/></xs:schema>"
        )
    )
    assert schema.validate(etree.XML("<n>5</n>")) and not schema.validate(etree.XML("<n>five</n>"))
    assert html.fromstring("<p>one<p>two").xpath("count(//p)") == 2
    assert objectify.fromstring("<r><v>3</v></r>").v + 1 == 4
    rules = isoschematron.Schematron(
        etree.XML(
            "<schema xmlns='http://purl.oclc.org/dsdl/schematron'><pattern><rule context='r'>"
            "<assert test='v'>v is missing</assert></rule></pattern></schema>"
        )
    )
    assert rules.validate(etree.XML("<r><v/></r>")) and not rules.validate(etree.XML("<r/>"))
    print("as expected")

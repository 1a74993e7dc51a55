"""A workbook with a formula, a style and a chart, written and read."""

import openpyxl
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font


def main():
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["name", "value"], ["a", 1], ["b", 2.5]):
        sheet.append(row)
    sheet["B4"] = "=SUM(B2:B3)"
    sheet["A1"].font = Font(bold=True)
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    sheet.add_chart(chart, "D2")
    book.save("book.xlsx")
    again = openpyxl.load_workbook("book.xlsx").active
    assert [cell.value for cell in again["B"]] == ["value", 1, 2.5, "=SUM(B2:B3)"]
    assert again["A1"].font.bold and len(again._charts) == 1
    print("as expected")

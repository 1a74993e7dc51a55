"""A window without a screen: widgets, a signal, a picture of it, Qt's plug-ins."""

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QLibraryInfo, QTimer, Qt, qVersion
from PySide6.QtGui import QImageReader, QPixmap
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QVBoxLayout, QWidget


def main():
    app = QApplication([])
    window = QWidget()
    layout = QVBoxLayout(window)
    label, button = QLabel("before"), QPushButton("press")
    layout.addWidget(label)
    layout.addWidget(button)
    button.clicked.connect(lambda: label.setText("after"))
    window.resize(200, 100)
    window.show()
    QTimer.singleShot(100, button.click)
    QTimer.singleShot(300, app.quit)
    app.exec()
    assert label.text() == "after"
    pixmap = window.grab()
    assert pixmap.width() == 200 and pixmap.save("window.png")
    assert QPixmap("window.png").height() == 100
    assert app.platformName() == "offscreen"
    formats = {bytes(form.data()).decode() for form in QImageReader.supportedImageFormats()}
    assert {"png", "jpg", "svg", "gif"} <= formats, formats
    assert window.style().objectName() == "fusion"
    assert qVersion().startswith("6.")
    print("as expected")

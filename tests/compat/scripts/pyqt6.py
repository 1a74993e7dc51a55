"""A window without a screen, its own Qt and plug-ins found next to it"""

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PyQt6.QtCore import QLibraryInfo, QTimer
from PyQt6.QtSvg import QSvgRenderer
from PyQt6.QtWidgets import QApplication, QLabel


def main():
    app = QApplication([])
    label = QLabel("text")
    label.resize(100, 50)
    label.show()
    QTimer.singleShot(100, app.quit)
    app.exec()
    assert label.grab().save("label.jpg")
    assert app.platformName() == "offscreen"
    assert (
        QSvgRenderer(b"<svg xmlns='http://www.w3.org/2000/svg' width='5' height='7'/>").defaultSize().height()
        == 7
    )
    assert os.path.isdir(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath))
    print("as expected")

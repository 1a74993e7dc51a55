"""Edges and contours of a drawing, a PNG and JPEG, a QR code, a film."""

import cv2
import numpy as np


def main():
    image = np.zeros((200, 300, 3), np.uint8)
    cv2.rectangle(image, (50, 50), (150, 120), (255, 255, 255), -1)
    cv2.circle(image, (230, 100), 30, (255, 255, 255), -1)
    contours, _ = cv2.findContours(
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    assert len(contours) == 2
    circle, rectangle = sorted(map(cv2.contourArea, contours))
    assert rectangle == 7000 and abs(circle - 3.14 * 30**2) < 100
    assert cv2.imwrite("drawing.png", image) and (cv2.imread("drawing.png") == image).all()
    ok, jpeg = cv2.imencode(".jpg", image)
    assert ok and cv2.imdecode(jpeg, 1).shape == image.shape
    code = cv2.resize(
        cv2.QRCodeEncoder.create().encode("hello"), None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST
    )
    bordered = cv2.copyMakeBorder(code, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255)
    assert cv2.QRCodeDetector().detectAndDecode(bordered)[0] == "hello"
    writer = cv2.VideoWriter("film.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10, (300, 200))
    for _ in range(5):
        writer.write(image)
    writer.release()
    assert cv2.VideoCapture("film.avi").read()[0]
    print("as expected")

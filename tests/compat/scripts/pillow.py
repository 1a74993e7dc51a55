"""Formats with and without vendored libraries, text in a font, a filter."""

import io

from PIL import Image, ImageDraw, ImageFilter, ImageFont, features


def main():
    image = Image.new("RGB", (80, 40), "navy")
    draw = ImageDraw.Draw(image)
    draw.text((5, 5), "Hello", fill="white", font=ImageFont.load_default(20))
    assert image.getcolors(10000) and len(image.getcolors(10000)) > 2
    for form in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000"):
        file = io.BytesIO()
        image.save(file, form)
        file.seek(0)
        assert Image.open(file).convert("RGB").size == (80, 40), form
    assert image.resize((8, 4), Image.Resampling.LANCZOS).filter(ImageFilter.BLUR).size == (8, 4)
    for feature in ("freetype2", "littlecms2", "webp", "jpg", "zlib", "libtiff"):
        assert features.check(feature), feature
    print("as expected")

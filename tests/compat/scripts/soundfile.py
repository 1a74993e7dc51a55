"""A sound written as FLAC and Ogg, by the library that it finds next to its own file"""

import numpy as np
import soundfile


def main():
    tone = np.sin(np.linspace(0, 440 * 2 * np.pi, 8000)) * 0.5
    for kind in ("flac", "ogg", "mp3"):
        soundfile.write(f"tone.{kind}", tone, 8000)
        data, rate = soundfile.read(f"tone.{kind}")
        assert rate == 8000 and abs(np.abs(data).max() - 0.5) < 0.05, kind
    print("as expected")

"""Regions of a picture labelled; its modules are loaded lazily from stubs."""

import numpy as np
import skimage
from skimage import data, filters, io, measure


def main():
    coins = data.coins()
    assert coins.shape == (303, 384)
    mask = coins > filters.threshold_otsu(coins)
    labels = measure.label(mask)
    assert len([r for r in measure.regionprops(labels) if r.area > 500]) >= 10
    io.imsave("mask.png", (mask * 255).astype(np.uint8), check_contrast=False)
    assert (io.imread("mask.png") > 0).mean() == mask.mean()
    assert skimage.transform.rotate(coins, 90).shape == coins.shape
    print("as expected")

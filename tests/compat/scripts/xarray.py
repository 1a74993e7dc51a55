"""Labelled arrays, written and read by a backend that is found by its entry point"""

import numpy as np
import xarray as xr


def main():
    data = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("t", "x"), coords={"t": [10, 20]}, name="v")
    assert data.sel(t=20).mean().item() == 4
    data.to_netcdf("a.nc", engine="h5netcdf")
    assert xr.open_dataset("a.nc", engine="h5netcdf")["v"].sum().item() == 15
    assert "h5netcdf" in xr.backends.list_engines()
    assert "<div" in data._repr_html_()
    print("as expected")

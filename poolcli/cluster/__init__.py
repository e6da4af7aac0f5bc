"""Jobs on a Dask cluster that is there already: what is sent, what workers do, what comes back."""

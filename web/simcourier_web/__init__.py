"""The HTTP surface of simcourier: the JSON API and the status page."""

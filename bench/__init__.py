"""Figures of simcourier and its peers, all on the virtual modem: `bench/run [PART ...] [--quick] [--out FILE]`."""

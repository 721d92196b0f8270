"""Lives one modem's life: states and procedures; no I/O, no clock."""

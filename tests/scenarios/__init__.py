"""The whole appliance in virtual time: real decisions, records and sessions, virtual modems, no thread and no port.

    world       the appliance and its clockwork; `World.run` lets time pass, `World.kill` ends it between two commits
    radio       the radio's stand-in: a real session and a virtual modem, linked byte by byte; ports come and go
    traffic     who sends what and when, drawn from a seed
    hour        one hour of 256 modems that fail in every way, at once
    oracle      each code's fate at the network against what the appliance has on record
    faults      one modem misbehaves beside others that are well: the rows of the fault matrix
    matrix      the fault matrix in daemon/DESIGN.md: `.venv/bin/python -m tests.scenarios.matrix`
    on_ptys     its second column: the same faults on the real daemon, over ptys
    soak        as many hours as wanted: `scripts/soak`

The same seed gives the same history, to the byte: `scripts/soak --seed 17` shows what seed 17 did.
"""

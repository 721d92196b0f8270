"""The parts of the bench; each module has `run(context)`, which shows its tables and tells whether all was right."""

PARTS = ("latency", "backlog", "fleet", "accepts", "million", "crash", "sick", "verify", "faulty", "against")

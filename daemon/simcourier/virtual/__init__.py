"""A virtual modem, network and handset: the demo, the self-test and the tests (TS 27.005, 27.007 and 23.040).

It shares no code with `at`, `modem` or `sms`: one misreading of a standard must not hide in both ends of a test.
"""

"""Migrations that somebody proposes: tried on branches with a login that may change the schema alone, and applied so.

login        the login, and what is lent to it
statements   the statements of a script
script       runs one in a transaction: seconds, locks, where it fails
refusals     what a proposal may not leave behind
copy         rows for a branch while others are connected
trial        both scripts on branches; the report
apply        the real database
"""

"""The Explorer: the web pages on which operators see, choose and promote.

A door like the API and the command line: pages call steps, hold no SQL, and need the API's rights. HTML comes from
Jinja2; where a script fails, links and forms still work.
"""

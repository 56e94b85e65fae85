"""The agents' server (MCP): tools that read, propose, and apply what a person approved. docs/agents.md

    stdio | mount   the two transports: a command, and /mcp of the service
    server          the protocol: who may see and call what, limits, the record of each call
    tools/          the tools; each is a function over the steps
    resources | prompts
    tool            what a tool declares
    answers         rows and cursors, and how long an answer may be
    said            our sentences apart from their values
    text            text from stores, as data

The SDK takes a second to import: only the transports' entries import `server`, when they are called.
"""

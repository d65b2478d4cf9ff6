"""Tool services: small Flask programs that offer tools to the agent, over HTTP and MCP.

`framework/` is what every service is built from. Each other folder is one service, the whole of it.
"""

__version__ = "0.2.0"
